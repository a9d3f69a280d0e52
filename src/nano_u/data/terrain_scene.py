"""What the images of one synthetic scene share: materials, light, weather, camera and the kind of path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nano_u.data.terrain_noise import FloatArray


@dataclass(frozen=True)
class Material:
    """A ground cover: linear reflectance of its two tones and how strongly it varies at each scale."""

    name: str
    tones: tuple[tuple[float, float, float], tuple[float, float, float]]
    blotch: float
    grain: float
    tuft: float
    grain_texel: float


GROUNDS = (
    Material("grass", ((0.10, 0.18, 0.04), (0.20, 0.28, 0.08)), 0.16, 0.22, 0.40, 0.035),
    Material("meadow", ((0.16, 0.20, 0.06), (0.32, 0.32, 0.12)), 0.18, 0.24, 0.42, 0.040),
    Material("dry grass", ((0.36, 0.31, 0.15), (0.50, 0.43, 0.24)), 0.15, 0.22, 0.40, 0.035),
    Material("heath", ((0.17, 0.14, 0.09), (0.27, 0.22, 0.15)), 0.20, 0.28, 0.38, 0.045),
    Material("rough sand", ((0.50, 0.40, 0.26), (0.60, 0.50, 0.35)), 0.12, 0.32, 0.28, 0.050),
    Material("stones", ((0.28, 0.27, 0.25), (0.44, 0.41, 0.37)), 0.12, 0.50, 0.00, 0.055),
    Material("ploughed mud", ((0.16, 0.11, 0.07), (0.27, 0.19, 0.13)), 0.16, 0.38, 0.22, 0.055),
    Material("leaf litter", ((0.30, 0.17, 0.07), (0.42, 0.27, 0.12)), 0.14, 0.44, 0.10, 0.045),
)

PATHS = (
    Material("dirt", ((0.30, 0.22, 0.14), (0.40, 0.31, 0.21)), 0.07, 0.06, 0.0, 0.03),
    Material("sand", ((0.52, 0.43, 0.29), (0.62, 0.53, 0.38)), 0.06, 0.05, 0.0, 0.03),
    Material("gravel", ((0.36, 0.35, 0.33), (0.47, 0.45, 0.42)), 0.06, 0.10, 0.0, 0.025),
    Material("mud", ((0.17, 0.12, 0.09), (0.26, 0.20, 0.15)), 0.08, 0.06, 0.0, 0.04),
    Material("asphalt", ((0.17, 0.17, 0.18), (0.24, 0.24, 0.25)), 0.06, 0.06, 0.0, 0.03),
)


@dataclass(frozen=True, eq=False)
class Scene:
    """One place at one time of day; lengths are in camera heights, colours linear and relative to white paper."""

    ground: Material
    path: Material
    ground_tones: FloatArray
    path_tones: FloatArray
    bare_patches: float
    ruts: float
    verge: float
    raggedness: float
    half_width: float
    wet: bool
    sun: FloatArray
    ambient: FloatArray
    towards_sun: FloatArray
    sky: FloatArray
    haze_distance: float
    clouds: float
    tree_shade: float
    skyline: float
    horizon: float
    focal: float
    obstacle_density: float
    white_balance: FloatArray


def draw_scene(rng: np.random.Generator) -> Scene:
    """A scene drawn from `rng`. In one of four the path has nearly the ground's own colour."""
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    path = PATHS[rng.integers(len(PATHS))]
    ground_tones = _tinted(ground, rng)
    path_tones = _tinted(path, rng)
    if rng.random() < 0.25:
        likeness = rng.uniform(0.6, 0.95)
        twin = ground_tones * np.float32(rng.uniform(0.85, 1.25))
        path_tones = (likeness * twin + (1.0 - likeness) * path_tones).astype(np.float32)
    overcast = rng.random() < 0.3
    warmth = rng.uniform(0.0, 1.0)
    elevation = np.deg2rad(rng.uniform(20.0, 65.0))
    azimuth = rng.uniform(0.0, 2.0 * np.pi)
    strength = rng.uniform(0.05, 0.25) if overcast else rng.uniform(0.65, 1.0)
    ambient = rng.uniform(0.65, 0.8) if overcast else rng.uniform(0.22, 0.38)
    blueness = 0.05 if overcast else rng.uniform(0.1, 0.35)
    return Scene(
        ground=ground,
        path=path,
        ground_tones=ground_tones,
        path_tones=path_tones,
        bare_patches=float(rng.uniform(0.3, 0.7)) if rng.random() < 0.5 else 0.0,
        ruts=float(rng.choice([-0.25, -0.15, 0.0, 0.0, 0.15])),
        verge=float(rng.uniform(0.2, 0.45)),
        raggedness=float(rng.uniform(0.02, 0.07)),
        half_width=float(rng.uniform(0.75, 1.3)),
        wet=bool(rng.random() < 0.3),
        sun=_colour(strength, strength * (0.97 - 0.08 * warmth), strength * (0.92 - 0.25 * warmth)),
        ambient=_colour(ambient * (1.0 - 0.6 * blueness), ambient * (1.0 - 0.2 * blueness), ambient * (1 + blueness)),
        towards_sun=_colour(
            np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)
        ),
        sky=_sky(overcast, rng),
        haze_distance=float(np.exp(rng.uniform(np.log(50.0), np.log(200.0)))),
        clouds=float(rng.uniform(0.0, 0.7)),
        tree_shade=float(rng.choice([0.0, 0.2, 0.35])) if not overcast else 0.0,
        skyline=float(rng.uniform(0.0, 0.16)),
        horizon=float(rng.uniform(0.05, 0.36)),
        focal=float(rng.uniform(0.75, 1.0)),
        obstacle_density=float(rng.uniform(0.5, 3.0)),
        white_balance=_colour(rng.uniform(0.93, 1.07), 1.0, rng.uniform(0.93, 1.07)),
    )


def _tinted(material: Material, rng: np.random.Generator) -> FloatArray:
    """The material's two tones `(2, 3)`, made lighter or darker and shifted in hue for this scene."""
    tint = rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.1, size=3)
    return (np.array(material.tones) * tint).astype(np.float32)


def _sky(overcast: bool, rng: np.random.Generator) -> FloatArray:
    """Colours at the horizon and at the top of the sky, `(2, 3)`."""
    if overcast:
        grey = rng.uniform(0.6, 0.85)
        return np.array([[grey, grey, grey * 1.02], [grey * 0.85, grey * 0.87, grey * 0.92]], np.float32)
    haze = rng.uniform(0.65, 0.9)
    return np.array([[haze, haze * 1.0, haze * 1.05], [0.25, 0.42, rng.uniform(0.7, 0.9)]], np.float32)


def _colour(red: float, green: float, blue: float) -> FloatArray:
    return np.array([red, green, blue], np.float32)
