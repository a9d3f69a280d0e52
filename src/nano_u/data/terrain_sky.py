"""What stands behind the ground: sky, clouds and a hazy skyline of hills or trees."""

from __future__ import annotations

import numpy as np

from nano_u.data.terrain_noise import FloatArray, noise_tiles, smoothstep
from nano_u.data.terrain_scene import Scene
from nano_u.data.terrain_view import View


def paint_background(view: View, scene: Scene, rng: np.random.Generator) -> FloatArray:
    """Linear colours `(3, height, width)` of everything above the horizon, everywhere."""
    tile = noise_tiles().blotches
    above = -view.below
    du, dv, bump = rng.uniform(0.0, 4096.0, size=3).astype(np.float32)
    low: FloatArray = scene.sky[0, :, None, None]
    high: FloatArray = scene.sky[1, :, None, None]
    colour = low + np.clip(above * np.float32(2.5), 0.0, 1.0) * (high - low)
    clouds = tile.sample(view.across * np.float32(90) + du, above * np.float32(220) + dv)
    colour += smoothstep(0.0, 1.6, clouds) * np.float32(scene.clouds) * (np.float32(0.92) - colour)

    profile = tile.sample(view.across * np.float32(70) + bump, np.full_like(above, bump))
    leaves = tile.sample(view.across * np.float32(300) + dv, above * np.float32(300) + du)
    far = 0.6 * scene.ground_tones.mean(axis=0) + 0.3 * scene.sky[0]
    trees = far.astype(np.float32)[:, None, None] * (1.0 + np.float32(0.18) * leaves)
    behind_trees = above < np.float32(scene.skyline) * (1.0 + np.float32(0.45) * profile)
    return np.asarray(np.where(behind_trees, trees, colour))
