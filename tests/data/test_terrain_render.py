from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nano_u.data.terrain_obstacles import Kind, Obstacle, paint_obstacles, unshaded
from nano_u.data.terrain_path import Lane
from nano_u.data.terrain_render import render_terrain
from nano_u.data.terrain_scene import Scene, draw_scene
from nano_u.data.terrain_view import View, look

LANE = Lane(offset=0.0, heading=0.0, bend=0.0, sway=0.0, sway_phase=0.0, half_width=1.0)
VIEW = look(96, 128, focal=0.9, horizon=0.2, roll=0.02)


def scene(**changes: object) -> Scene:
    plain = {"wet": False, "tree_shade": 0.0, "raggedness": 0.0}
    return dataclasses.replace(draw_scene(np.random.default_rng(1)), **{**plain, **changes})


def obstacle(kind: Kind, x: float = 0.0, z: float = 3.0) -> Obstacle:
    return Obstacle(kind, x, z, radius=0.3, height=0.6, colour=np.full(3, 0.2, np.float32), texture=(3.0, 9.0))


def pixel(view: View, x: float, z: float, up: float = 0.0) -> tuple[int, int]:
    """Row and column of the point `up` above the ground at `(x, z)`."""
    across, below = view.project(x, z)
    below -= up * view.focal / z
    row, column = np.unravel_index(np.argmin((view.across - across) ** 2 + (view.below - below) ** 2), view.z.shape)
    return int(row), int(column)


def test_path_pixels_are_those_that_look_at_the_lane() -> None:
    _, is_path = render_terrain(VIEW, scene(), (LANE,), (), np.random.default_rng(0))

    np.testing.assert_array_equal(is_path, (np.abs(VIEW.x) < 1.0) & VIEW.is_ground)


@pytest.mark.parametrize("kind", ["rock", "bush", "post", "trunk"])
def test_an_obstacle_hides_path_behind_it_and_nothing_else(kind: Kind) -> None:
    place, standing = scene(), (obstacle(kind),)
    _, free = render_terrain(VIEW, place, (LANE,), (), np.random.default_rng(0))

    frame, is_path = render_terrain(VIEW, place, (LANE,), standing, np.random.default_rng(0))

    _, covered = paint_obstacles(frame, VIEW, place, standing)
    np.testing.assert_array_equal(is_path, free & ~covered)
    assert covered[pixel(VIEW, 0.0, 3.0, up=0.2)]
    assert (free & covered).sum() > 50


def test_an_obstacle_beside_the_path_leaves_the_mask_as_it_is() -> None:
    _, free = render_terrain(VIEW, scene(), (LANE,), (), np.random.default_rng(0))

    _, is_path = render_terrain(VIEW, scene(), (LANE,), (obstacle("rock", x=1.6),), np.random.default_rng(0))

    np.testing.assert_array_equal(is_path, free)


def test_a_shadow_falls_away_from_the_sun_and_stays_path() -> None:
    from_the_left = np.array([-0.8, 0.6, 0.0], np.float32)
    place = scene(towards_sun=from_the_left, sun=np.ones(3, np.float32))
    standing = (obstacle("post", x=-0.3, z=3.0),)
    shaded, lit = pixel(VIEW, 0.3, 3.0), pixel(VIEW, -0.8, 3.0)

    light = unshaded(VIEW, place, standing)
    frame, is_path = render_terrain(VIEW, place, (LANE,), standing, np.random.default_rng(0))
    bright, _ = render_terrain(VIEW, place, (LANE,), (), np.random.default_rng(0))

    assert light[shaded] < 0.05
    assert light[lit] == 1.0
    assert is_path[shaded]
    assert (frame[:, shaded[0], shaded[1]] < 0.8 * bright[:, shaded[0], shaded[1]]).all()


def test_painting_obstacles_leaves_the_given_frame_alone() -> None:
    frame = np.zeros((3, 96, 128), np.float32)

    painted, _ = paint_obstacles(frame, VIEW, scene(), (obstacle("bush"),))

    assert frame.max() == 0.0
    assert painted.max() > 0.0


def test_an_obstacle_outside_the_frame_changes_nothing() -> None:
    _, covered = paint_obstacles(np.zeros((3, 96, 128), np.float32), VIEW, scene(), (obstacle("rock", x=30.0),))

    assert not covered.any()


def test_the_nearer_obstacle_covers_the_farther() -> None:
    red, blue = np.array([1, 0, 0], np.float32), np.array([0, 0, 1], np.float32)
    far = dataclasses.replace(obstacle("trunk", z=5.0), colour=blue, height=1.5)
    near = dataclasses.replace(obstacle("trunk", z=3.0), colour=red, height=0.6)

    frame, _ = paint_obstacles(np.zeros((3, 96, 128), np.float32), VIEW, scene(), (far, near))

    front = frame[:, *pixel(VIEW, 0.0, 3.0, up=0.4)]
    behind = frame[:, *pixel(VIEW, 0.0, 5.0, up=1.2)]
    assert front[0] > front[2]
    assert behind[2] > behind[0]
