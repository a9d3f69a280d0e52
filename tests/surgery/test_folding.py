from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy.moments import moments_of
from nano_u.surgery.folding import Mixing, fold

RANDOM = np.random.default_rng(1)
SAMPLES = RANDOM.normal(size=(400, 6)) @ RANDOM.normal(size=(6, 6)) + RANDOM.uniform(0.5, 2, 6)
KERNEL = RANDOM.normal(size=(1, 6, 3))
KEEP, DROPPED = [0, 2, 3, 5], [1, 4]


def test_the_fold_is_the_least_squares_fit_of_the_output_on_the_kept_channels() -> None:
    folded = fold(Mixing.of(KERNEL, moments_of(SAMPLES), padded=False), KEEP)

    design = np.column_stack([SAMPLES[:, KEEP], np.ones(len(SAMPLES))])
    expected, *_ = np.linalg.lstsq(design, SAMPLES @ KERNEL[0], rcond=None)
    np.testing.assert_allclose(folded.kernel[0], expected[:-1], atol=1e-6)
    np.testing.assert_allclose(folded.shift, expected[-1], atol=1e-6)


def test_where_zeros_are_read_the_fit_has_no_intercept() -> None:
    folded = fold(Mixing.of(KERNEL, moments_of(SAMPLES), padded=True), KEEP)

    expected, *_ = np.linalg.lstsq(SAMPLES[:, KEEP], SAMPLES @ KERNEL[0], rcond=None)
    np.testing.assert_allclose(folded.kernel[0], expected, atol=1e-6)
    np.testing.assert_array_equal(folded.shift, 0)


@pytest.mark.parametrize("padded", [False, True])
def test_the_lost_share_is_what_the_output_lacks_over_its_variance(padded: bool) -> None:
    folded = fold(Mixing.of(KERNEL, moments_of(SAMPLES), padded=padded), KEEP)

    output = SAMPLES @ KERNEL[0]
    rest = output - SAMPLES[:, KEEP] @ folded.kernel[0] - folded.shift
    assert folded.lost_share == pytest.approx((rest**2).mean(axis=0).sum() / output.var(axis=0).sum(), rel=1e-6)
    assert folded.lost_share > 0.01


def test_every_tap_is_folded_alike_and_the_shift_is_their_sum() -> None:
    taps = RANDOM.normal(size=(3, 6, 2))

    folded = fold(Mixing.of(taps, moments_of(SAMPLES), padded=False), KEEP)

    single = [fold(Mixing.of(tap[np.newaxis], moments_of(SAMPLES), padded=False), KEEP) for tap in taps]
    np.testing.assert_allclose(folded.kernel, np.concatenate([one.kernel for one in single]))
    np.testing.assert_allclose(folded.shift, sum(one.shift for one in single))


def test_keeping_every_channel_changes_and_loses_nothing() -> None:
    folded = fold(Mixing.of(KERNEL, moments_of(SAMPLES), padded=False), range(6))

    np.testing.assert_array_equal(folded.kernel, KERNEL)
    np.testing.assert_array_equal(folded.shift, 0)
    assert folded.lost_share == 0


def test_a_constant_is_all_in_the_shift() -> None:
    samples = SAMPLES.copy()
    samples[:, DROPPED] = [0.7, -2.0]

    folded = fold(Mixing.of(KERNEL, moments_of(samples), padded=False), KEEP)

    np.testing.assert_array_equal(folded.kernel, KERNEL[:, KEEP])
    np.testing.assert_allclose(folded.shift, [0.7, -2.0] @ KERNEL[0, DROPPED])
    assert folded.lost_share == 0


def test_a_reader_whose_output_is_zero_loses_nothing() -> None:
    assert fold(Mixing.of(0 * KERNEL, moments_of(SAMPLES), padded=True), KEEP).lost_share == 0


def test_an_exact_copy_is_rebuilt_from_its_original_among_channels_that_nearly_repeat_each_other() -> None:
    samples = SAMPLES[:, [0, 0, 2, 0, 2, 5]] + 1e-4 * RANDOM.normal(size=(400, 6))
    samples[:, 1] = 3 * samples[:, 0] + 2

    folded = fold(Mixing.of(KERNEL, moments_of(samples), padded=False), [0, 2, 3, 4, 5])

    assert folded.lost_share < 1e-14
    np.testing.assert_allclose(folded.kernel[0, 0], KERNEL[0, 0] + 3 * KERNEL[0, 1])
    np.testing.assert_allclose(folded.shift, 2 * KERNEL[0, 1])
