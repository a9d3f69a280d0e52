"""Reflectance of the ground with the path on it, and which of it is path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nano_u.data.terrain_noise import FloatArray, smoothstep
from nano_u.data.terrain_path import Lane, band
from nano_u.data.terrain_scene import Material, Scene
from nano_u.data.terrain_view import View


@dataclass(frozen=True, eq=False)
class Ground:
    """Linear reflectance `(3, height, width)`, path pixels and, in [0, 1], how much of a pixel is standing water."""

    reflectance: FloatArray
    is_path: NDArray[np.bool_]
    water: FloatArray | None


def paint_ground(view: View, scene: Scene, lanes: tuple[Lane, ...], rng: np.random.Generator) -> Ground:
    """The ground seen in `view`, everywhere, also where sky will cover it."""
    blotches = view.blotches(0.05, rng)
    patches = view.blotches(0.03, rng)
    outside, lateral = band(lanes, view.x, view.z)
    outside += np.float32(scene.raggedness) * (patches + blotches)

    rough = _relief(view, scene.ground, rng)
    around = _tone(scene.ground_tones, blotches, np.float32(1.0) + np.float32(scene.ground.blotch) * blotches + rough)
    if scene.bare_patches:
        bare = smoothstep(0.9, 1.3, patches) * np.float32(scene.bare_patches)
        exposed = _tone(scene.path_tones, blotches, np.float32(1.0) + np.float32(0.7) * rough)
        around += bare * (exposed - around)
    around *= 1.0 - np.float32(scene.verge) * smoothstep(0.35, 0.0, np.abs(outside - np.float32(0.1)))

    smooth = _relief(view, scene.path, rng) + np.float32(scene.path.blotch) * patches
    if scene.ruts:
        smooth += np.float32(scene.ruts) * smoothstep(0.25, 0.0, np.abs(np.abs(lateral) - np.float32(0.5)))
    trodden = _tone(scene.path_tones, patches, np.float32(1.0) + smooth)

    around += smoothstep(0.04, -0.04, outside) * (trodden - around)
    water = smoothstep(1.7, 1.8, blotches) * smoothstep(-0.05, -0.2, outside) if scene.wet else None
    return Ground(np.clip(around, 0.01, 1.0, out=around), outside < 0.0, water)


def _relief(view: View, material: Material, rng: np.random.Generator) -> FloatArray:
    """Brightness variation of a material's grain and, where it has them, standing tufts."""
    relief = np.float32(material.grain) * view.grain(material.grain_texel, rng)
    if material.tuft:
        relief += np.float32(material.tuft) * view.tufts(1.5 * material.grain_texel, rng)
    return relief


def _tone(tones: FloatArray, mixing: FloatArray, brightness: FloatArray) -> FloatArray:
    share = smoothstep(-1.5, 1.5, mixing)
    low: FloatArray = tones[0, :, None, None]
    high: FloatArray = tones[1, :, None, None]
    return (low + share * (high - low)) * brightness
