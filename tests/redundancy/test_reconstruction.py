from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy import linear_reconstruction

SCALES = np.array([1e-3, 1.0, 1e3, 10.0, 1.0])


def samples(noise: float = 0.2) -> np.ndarray:
    """`(400, 5)`: two free channels of very different scale and three mixtures of them."""
    random = np.random.default_rng(0)
    mixing = np.array([[1, 0], [0, 1], [1, 1], [1, -2], [3, 1]], float)
    values = random.standard_normal((400, 2)) @ mixing.T + noise * random.standard_normal((400, 5)) + 7
    return values * SCALES


@pytest.mark.parametrize("keep", [(0, 1), (1, 0), (2,), (0, 1, 3)], ids=str)
def test_weights_are_those_of_a_least_squares_fit(keep: tuple[int, ...]) -> None:
    x = samples()
    design = np.column_stack([x[:, keep], np.ones(len(x))])
    dropped = [channel for channel in range(5) if channel not in keep]
    fit, *_ = np.linalg.lstsq(design, x[:, dropped], rcond=None)
    missed = ((design @ fit - x[:, dropped]) ** 2).mean(axis=0)

    result = linear_reconstruction(np.cov(x, rowvar=False, bias=True), x.mean(axis=0), keep)

    assert result.keep == keep
    assert result.dropped == tuple(dropped)
    assert result.weights == pytest.approx(fit[:-1].T, rel=1e-6)
    assert result.intercept == pytest.approx(fit[-1], rel=1e-6)
    assert result.residual_variance == pytest.approx(missed, rel=1e-6)


def test_exact_mixtures_are_rebuilt() -> None:
    x = samples(noise=0)

    result = linear_reconstruction(np.cov(x, rowvar=False, bias=True), x.mean(axis=0), (0, 1))

    rebuilt = x[:, result.keep] @ result.weights.T + result.intercept
    assert rebuilt == pytest.approx(x[:, result.dropped], rel=1e-9)
    assert result.residual_variance == pytest.approx(np.zeros(3), abs=1e-9 * SCALES.max() ** 2)


def test_kept_channels_that_repeat_each_other_share_the_weight() -> None:
    result = linear_reconstruction(np.ones((3, 3)), np.ones(3), (0, 1))

    assert result.weights == pytest.approx(np.array([[0.5, 0.5]]))
    assert result.intercept == pytest.approx([0.0])


def test_a_dead_channel_becomes_its_mean_and_explains_nothing() -> None:
    covariance = np.diag([0.0, 1.0, 4.0])

    assert linear_reconstruction(covariance, np.array([5.0, 2.0, 3.0]), (1, 2)).intercept.tolist() == [5.0]
    assert linear_reconstruction(covariance, np.array([5.0, 2.0, 3.0]), (0,)).weights.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("keep", [(0, 0), (3,), (-1,)], ids=str)
def test_channels_that_are_not_there_are_refused(keep: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="different channels from 0 to 2"):
        linear_reconstruction(np.eye(3), np.zeros(3), keep)
