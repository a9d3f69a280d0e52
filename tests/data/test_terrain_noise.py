from __future__ import annotations

import numpy as np
import pytest

from nano_u.data.terrain_noise import LEVELS, SIDE, NoiseTile, noise_tiles, smoothstep

TILES = {"blotches": lambda: noise_tiles().blotches, "grain": lambda: noise_tiles().grain}
TEXELS = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))


@pytest.fixture(params=list(TILES))
def tile(request: pytest.FixtureRequest) -> NoiseTile:
    return TILES[request.param]()


def test_a_tile_has_zero_mean_and_unit_deviation(tile: NoiseTile) -> None:
    field = tile.sample(*TEXELS)

    assert field.mean() == pytest.approx(0.0, abs=1e-5)
    assert field.std() == pytest.approx(1.0, abs=1e-5)


def test_a_tile_repeats_after_its_side(tile: NoiseTile) -> None:
    u, v = np.random.default_rng(0).uniform(0, SIDE, (2, 50)).round(2).astype(np.float32)

    np.testing.assert_allclose(tile.sample(u + SIDE, v - 3 * SIDE), tile.sample(u, v), atol=1e-3)


def test_between_two_texels_lies_their_mean(tile: NoiseTile) -> None:
    u, v = np.array([255.0], np.float32), np.array([7.0], np.float32)

    middle = tile.sample(u + np.float32(0.5), v)

    assert middle == pytest.approx((tile.sample(u, v) + tile.sample(u + 1, v)) / 2, abs=1e-6)


def test_a_level_is_the_mean_over_its_cells(tile: NoiseTile) -> None:
    fine, coarse = tile.sample(*TEXELS), tile.sample(*TEXELS, 2.0)

    assert coarse[4, 8] == pytest.approx(fine[4:8, 8:12].mean(), abs=1e-5)
    assert coarse.std() < fine.std()


def test_levels_beyond_the_last_are_the_last(tile: NoiseTile) -> None:
    np.testing.assert_array_equal(tile.sample(*TEXELS, 99.0), tile.sample(*TEXELS, LEVELS - 1.0))
    np.testing.assert_array_equal(tile.sample(*TEXELS, -5.0), tile.sample(*TEXELS))


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (2.0, 0.0)])
def test_smoothstep_rises_from_its_first_edge_to_its_second(low: float, high: float) -> None:
    ends = smoothstep(low, high, np.array([low, (low + high) / 2, high], np.float32))

    np.testing.assert_allclose(ends, [0.0, 0.5, 1.0])
