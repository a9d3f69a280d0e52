from __future__ import annotations

import numpy as np
import pytest

from nano_u.data.terrain_view import FARTHEST, look


@pytest.mark.parametrize("roll", [0.0, 0.05, -0.08])
def test_the_pixel_at_a_projected_ground_point_looks_at_that_point(roll: float) -> None:
    view = look(96, 128, focal=0.9, horizon=0.2, roll=roll)
    across, below = view.project(0.7, 3.0)

    nearest = np.argmin((view.across - across) ** 2 + (view.below - below) ** 2)

    assert view.x.flat[nearest] == pytest.approx(0.7, abs=0.05)
    assert view.z.flat[nearest] == pytest.approx(3.0, abs=0.1)


def test_ground_begins_below_the_horizon_and_sky_is_above_it() -> None:
    view = look(100, 100, focal=1.0, horizon=0.3, roll=0.0)

    assert not view.is_ground[:30].any()
    assert view.is_ground[33:].all()
    assert (view.z[:30] == FARTHEST).all()


def test_distance_falls_towards_the_bottom_and_detail_with_it() -> None:
    view = look(48, 64, focal=0.8, horizon=0.25, roll=0.0)
    column = view.z[16:, 10]

    assert (np.diff(column) < 0).all()
    assert (np.diff(view.detail[16:, 10]) < 0).all()


def test_a_crop_sees_what_the_whole_view_sees_in_its_rows() -> None:
    view = look(48, 64, focal=0.8, horizon=0.25, roll=0.03)

    part = view.crop(slice(20, 48))

    np.testing.assert_array_equal(part.x, view.x[20:])
    np.testing.assert_array_equal(
        part.grain(0.03, np.random.default_rng(1)), view.grain(0.03, np.random.default_rng(1))[20:]
    )
    assert part.horizon == pytest.approx(view.horizon - 20 / 64)
