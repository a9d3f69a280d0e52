from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy.live_channels import live_channels


@pytest.mark.parametrize(
    ("variance", "mean", "live"),
    [
        (1.0, 0.0, True),
        (0.0, 0.0, False),
        (0.0, 5.0, False),
        (1e-60, 0.0, True),  # quiet, but it varies
        (1e60, 0.0, True),
        (1e-11, 1.0, True),
        (1e-13, 1.0, False),  # rounding of a constant
        (1e-13 * 1e6, 1e3, False),  # the same at another scale
    ],
)
def test_a_channel_is_dead_when_its_variance_is_rounding_of_its_own_mean_square(
    variance: float, mean: float, live: bool
) -> None:
    loud = (1e30, 1e10)  # another channel does not matter

    mask = live_channels(np.array([variance, loud[0]]), np.array([mean, loud[1]]))

    assert mask.tolist() == [live, True]


def test_without_means_only_constant_channels_are_dead() -> None:
    assert live_channels(np.array([0.0, 1e-300])).tolist() == [False, True]
