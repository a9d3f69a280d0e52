"""Rocks, bushes, posts and trunks: their shadows on the ground and their upright shapes in the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nano_u.data.terrain_noise import FloatArray, noise_tiles, smoothstep
from nano_u.data.terrain_path import Lane
from nano_u.data.terrain_scene import Scene
from nano_u.data.terrain_view import View

Kind = Literal["rock", "bush", "post", "trunk"]
_KINDS: tuple[Kind, ...] = ("rock", "rock", "rock", "bush", "bush", "bush", "post", "trunk")
_ROCK = np.array([0.33, 0.317, 0.297], np.float32)
_LEAVES = np.array([0.08, 0.12, 0.04], np.float32)
_WOOD = np.array([0.24, 0.18, 0.13], np.float32)


@dataclass(frozen=True, eq=False)
class Obstacle:
    """Something that stands at `(x, z)` on the ground; lengths in camera heights, colour linear."""

    kind: Kind
    x: float
    z: float
    radius: float
    height: float
    colour: FloatArray
    texture: tuple[float, float]


def draw_obstacles(lanes: tuple[Lane, ...], scene: Scene, rng: np.random.Generator) -> tuple[Obstacle, ...]:
    """Obstacles of one image, farthest first; about a quarter of them stand on the path."""
    found = [_draw_obstacle(lanes, scene, rng) for _ in range(min(int(rng.poisson(scene.obstacle_density)), 10))]
    return tuple(sorted(found, key=lambda obstacle: -obstacle.z))


def unshaded(view: View, scene: Scene, obstacles: tuple[Obstacle, ...]) -> FloatArray:
    """Share of the sun, `(height, width)`, that reaches the ground past the obstacles."""
    light = np.ones(view.z.shape, np.float32)
    side, up, ahead = (float(part) for part in scene.towards_sun)
    level = float(np.hypot(side, ahead))
    along_x, along_z = -side / level, -ahead / level
    for obstacle in obstacles:
        reach = min(obstacle.height * level / up, 6.0)
        rows = _rows_between(view, obstacle.z - reach - obstacle.radius, obstacle.z + reach + obstacle.radius)
        dx, dz = view.x[rows] - np.float32(obstacle.x), view.z[rows] - np.float32(obstacle.z)
        along = dx * np.float32(along_x) + dz * np.float32(along_z)
        across = dx * np.float32(along_z) - dz * np.float32(along_x)
        beyond = np.maximum(np.maximum(along - reach, -along), 0.0)
        away = np.sqrt(across * across + beyond * beyond) * np.float32(1.0 / obstacle.radius)
        light[rows] *= smoothstep(0.7, 1.25, away)
    return light


def paint_obstacles(
    frame: FloatArray, view: View, scene: Scene, obstacles: tuple[Obstacle, ...]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The linear `frame` `(3, height, width)` with `obstacles` drawn over it in their order, and their pixels."""
    frame, covered = frame.copy(), np.zeros(view.z.shape, np.bool_)
    for obstacle in obstacles:
        window = _window(view, obstacle)
        if window is None:
            continue
        scale = view.focal / obstacle.z
        across, below = view.project(obstacle.x, obstacle.z)
        right = (view.across[window] - np.float32(across)) * np.float32(1.0 / (scale * obstacle.radius))
        up = (np.float32(below) - view.below[window]) * np.float32(1.0 / (scale * obstacle.height))
        shape, colour = _shape(obstacle, right, up, scene)
        haze = 1.0 - np.exp(-obstacle.z / scene.haze_distance)
        colour += np.float32(haze) * (scene.sky[0][:, None, None] - colour)
        np.copyto(frame[:, *window], colour, where=shape)
        covered[window] |= shape
    return frame, covered


def _draw_obstacle(lanes: tuple[Lane, ...], scene: Scene, rng: np.random.Generator) -> Obstacle:
    kind = _KINDS[rng.integers(len(_KINDS))]
    z = float(np.exp(rng.uniform(np.log(2.3), np.log(16.0))))
    x = float(rng.uniform(-0.7, 0.7) * z)
    if lanes:
        lane = lanes[0]
        beside = rng.uniform(-0.8, 0.8) if rng.random() < 0.25 else rng.choice([-1, 1]) * rng.uniform(1.1, 4.0)
        x = float(lane.centre(z)) + float(beside) * lane.half_width
    shade = float(rng.uniform(0.8, 1.2))
    texture = (float(rng.uniform(0, 256)), float(rng.uniform(0, 256)))
    if kind == "rock":
        radius = float(rng.uniform(0.12, 0.38))
        height, colour = radius * float(rng.uniform(1.0, 1.7)), _ROCK
    elif kind == "bush":
        radius = float(rng.uniform(0.25, 0.6))
        height, colour = radius * float(rng.uniform(1.2, 2.2)), _LEAVES + 0.4 * scene.ground_tones.mean(axis=0)
    elif kind == "post":
        radius, height, colour = float(rng.uniform(0.05, 0.1)), float(rng.uniform(0.7, 1.6)), _WOOD
    else:
        radius, height, colour = float(rng.uniform(0.12, 0.28)), float(rng.uniform(3.0, 7.0)), _WOOD
    return Obstacle(kind, x, z, radius, height, colour * np.float32(shade), texture)


def _shape(obstacle: Obstacle, right: FloatArray, up: FloatArray, scene: Scene) -> tuple[NDArray[np.bool_], FloatArray]:
    """Pixels of an obstacle and their lit colours; `right` is in radii, `up` in heights from its foot."""
    tile = noise_tiles().blotches
    du, dv = obstacle.texture
    noise = tile.sample(right * np.float32(14.0) + np.float32(du), up * np.float32(14.0) + np.float32(dv))
    if obstacle.kind in ("rock", "bush"):
        lift = np.float32(2.0) * up - np.float32(0.8)
        wobble = 0.16 if obstacle.kind == "rock" else 0.5
        shape = (right * right + lift * lift < 1.0 + np.float32(wobble) * noise) & (up > -0.02)
        slope = np.float32(0.8) * lift
        grain = 0.14 if obstacle.kind == "rock" else 0.34
    else:
        shape = (np.abs(right) < 1.0) & (up > -0.01) & (up < 1.0)
        slope = np.zeros_like(up)
        grain = 0.15
    facing = np.sqrt(np.clip(1.0 - right * right - slope * slope, 0.05, 1.0))
    side, rise, ahead = scene.towards_sun
    lit = np.clip(right * side + slope * rise - facing * ahead, 0.0, 1.0)
    foot = np.float32(0.55) + np.float32(0.45) * np.clip(up * np.float32(3.0), 0.0, 1.0)
    paint = obstacle.colour[:, None, None] * np.clip(1.0 + np.float32(grain) * noise, 0.3, 1.8)
    return shape, paint * (scene.ambient[:, None, None] * foot + scene.sun[:, None, None] * lit)


def _rows_between(view: View, near: float, far: float) -> slice:
    """Rows in which ground between two distances can appear, with room for the roll."""
    height, width = view.z.shape
    slack = abs(view.roll) * 0.5 + 0.01
    top = (view.horizon + view.focal / max(far, 0.1) - slack) * width
    bottom = (view.horizon + (view.focal / near if near > 0.1 else 10.0) + slack) * width
    return slice(int(np.clip(top, 0, height)), int(np.clip(bottom + 1, 0, height)))


def _window(view: View, obstacle: Obstacle) -> tuple[slice, slice] | None:
    """The part of the frame that can show an obstacle; None where it stands outside."""
    height, width = view.z.shape
    scale = view.focal / obstacle.z
    across, below = view.project(obstacle.x, obstacle.z)
    tall, wide = scale * obstacle.height * 1.3, scale * obstacle.radius * 1.5
    turn = abs(view.roll) * (abs(across) + abs(below) + tall) + 2.0 / width
    left, right = (across - wide - turn + 0.5) * width, (across + wide + turn + 0.5) * width
    top, bottom = (view.horizon + below - tall - turn) * width, (view.horizon + below + 0.1 * tall + turn) * width
    rows = slice(int(np.clip(top, 0, height)), int(np.clip(bottom + 1, 0, height)))
    columns = slice(int(np.clip(left, 0, width)), int(np.clip(right + 1, 0, width)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns
