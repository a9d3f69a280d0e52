from __future__ import annotations

import numpy as np
import pytest

from nano_u.data.terrain_path import START, Lane, band, draw_lanes

STRAIGHT = Lane(offset=0.5, heading=0.0, bend=0.0, sway=0.0, sway_phase=0.0, half_width=2.0)


def at(x: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([x], np.float32), np.array([z], np.float32)


def test_lateral_distance_is_in_half_widths_from_the_centre() -> None:
    assert STRAIGHT.lateral(*at(0.5, 5.0))[0] == pytest.approx(0.0, abs=1e-5)
    assert STRAIGHT.lateral(*at(2.5, 9.0))[0] == pytest.approx(1.0, abs=1e-5)
    assert STRAIGHT.lateral(*at(-3.5, 9.0))[0] == pytest.approx(-2.0, abs=1e-5)


def test_width_is_measured_at_right_angles_to_a_slanting_lane() -> None:
    lane = Lane(offset=0.0, heading=1.0, bend=0.0, sway=0.0, sway_phase=0.0, half_width=1.0)

    assert lane.lateral(*at(3.0 + np.sqrt(2.0), START + 3.0))[0] == pytest.approx(1.0, abs=1e-3)


def test_a_branch_starts_on_the_main_lane_and_not_before() -> None:
    rng = np.random.default_rng(0)
    lanes = next(lanes for lanes in (draw_lanes(1.0, rng) for _ in range(200)) if len(lanes) == 2)
    main, branch = lanes

    assert branch.centre(branch.begins) == pytest.approx(float(main.centre(branch.begins)), abs=1e-5)
    assert branch.lateral(*at(float(branch.centre(branch.begins - 0.1)), branch.begins - 0.1))[0] > 100


def test_outside_is_negative_on_the_nearest_lane_only() -> None:
    other = Lane(offset=8.0, heading=0.0, bend=0.0, sway=0.0, sway_phase=0.0, half_width=1.0)
    x, z = np.array([0.5, 4.5, 8.0], np.float32), np.full(3, 6.0, np.float32)

    outside, lateral = band((STRAIGHT, other), x, z)

    np.testing.assert_allclose(outside, [-2.0, 2.0, -1.0], atol=1e-5)
    np.testing.assert_allclose(lateral, [0.0, 2.0, 0.0], atol=1e-5)


def test_without_lanes_nothing_is_path() -> None:
    outside, _ = band((), *at(0.0, 5.0))

    assert outside[0] > 100


def test_few_images_have_no_path_or_a_branch() -> None:
    rng = np.random.default_rng(5)
    counts = np.bincount([len(draw_lanes(1.0, rng)) for _ in range(1000)])

    assert 5 <= counts[0] < 30
    assert 30 <= counts[2] < 100
