"""One frame of a scene: ground, light, obstacles and sky put together, and which pixels show path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nano_u.data.terrain_ground import paint_ground
from nano_u.data.terrain_noise import FloatArray, smoothstep
from nano_u.data.terrain_obstacles import Obstacle, paint_obstacles, unshaded
from nano_u.data.terrain_path import Lane
from nano_u.data.terrain_scene import Scene
from nano_u.data.terrain_sky import paint_background
from nano_u.data.terrain_view import View


def render_terrain(
    view: View, scene: Scene, lanes: tuple[Lane, ...], obstacles: tuple[Obstacle, ...], rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Linear colours `(3, height, width)` and the pixels of visible path, without anti-aliasing.

    Obstacles are drawn in their order, so the farthest come first. They take nothing from `rng`.
    """
    height, width = view.z.shape
    first_ground = int(view.is_ground.any(axis=1).argmax())
    last_sky = int(np.flatnonzero(~view.is_ground.all(axis=1)).max(initial=-1))

    frame = np.empty((3, height, width), np.float32)
    is_path = np.zeros((height, width), np.bool_)
    ground = view.crop(slice(first_ground, height))
    frame[:, first_ground:], is_path[first_ground:] = _paint_lit_ground(ground, scene, lanes, obstacles, rng)
    if last_sky >= 0:
        background = view.crop(slice(0, last_sky + 1))
        np.copyto(frame[:, : last_sky + 1], paint_background(background, scene, rng), where=~background.is_ground)
    frame, covered = paint_obstacles(frame, view, scene, obstacles)
    return frame, is_path & view.is_ground & ~covered


def _paint_lit_ground(
    view: View, scene: Scene, lanes: tuple[Lane, ...], obstacles: tuple[Obstacle, ...], rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Linear colours `(3, height, width)` of the ground under sun, shadow, water and haze, and its path pixels."""
    ground = paint_ground(view, scene, lanes, rng)
    light = _under_crowns(view, scene, rng) * unshaded(view, scene, obstacles)
    sun = scene.sun * scene.towards_sun[1]
    frame = ground.reflectance * (scene.ambient[:, None, None] + light * sun[:, None, None])
    horizon, zenith = scene.sky[:, :, None, None]
    if ground.water is not None:
        frame += np.float32(0.75) * ground.water * (np.float32(0.8) * zenith - frame)
    haze = 1.0 - np.exp(view.z * np.float32(-1.0 / scene.haze_distance))
    frame += haze * (np.float32(0.9) * horizon - frame)
    return frame, ground.is_path


def _under_crowns(view: View, scene: Scene, rng: np.random.Generator) -> FloatArray:
    """Share of the sun that comes through the crowns of trees outside the frame."""
    if not scene.tree_shade:
        return np.ones(view.z.shape, np.float32)
    edge = 1.0 - 2.0 * scene.tree_shade
    return 1.0 - smoothstep(edge, edge + 0.35, view.blotches(0.09, rng)) * np.float32(0.8)
