from __future__ import annotations

import numpy as np
import pytest

from nano_u.redundancy import GroupMoments, group_of_image
from nano_u.redundancy.correlation import correlation_matrix
from nano_u.redundancy.jackknife import GroupDeviations
from nano_u.redundancy.spectrum import entropy_gradient, spectral_entropy


def relu_images(seed: int, *, images: int = 60, channels: int = 8, samples: int = 40) -> np.ndarray:
    """`(images, samples, channels)`: correlated, rectified, brighter in some images; like a layer after BatchNorm."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((channels, channels)) * np.exp(-np.arange(channels) * 2 / channels)
    values = random.standard_normal((images, samples, channels)) @ mixing.T
    values += random.standard_normal((images, 1, channels)) @ mixing.T
    return np.maximum(values, 0) * np.logspace(-2, 2, channels)


def deviations_of(moments: GroupMoments, dead: tuple[int, ...] = ()) -> GroupDeviations:
    total = moments.total()
    live = np.setdiff1d(np.arange(moments.channels), dead)
    inverse_scale = np.zeros(moments.channels)
    inverse_scale[live] = 1 / np.sqrt(np.diagonal(total.covariance)[live])
    correlation = np.zeros((moments.channels, moments.channels))
    correlation[np.ix_(live, live)] = correlation_matrix(total.covariance[np.ix_(live, live)])
    return GroupDeviations(moments, total, inverse_scale, correlation)


def obvious_deviations(x: np.ndarray, ids: np.ndarray, inverse_scale: np.ndarray) -> np.ndarray:
    """D_g straight from its definition, `(groups, channels, channels)`."""

    def covariance(images: np.ndarray) -> np.ndarray:
        return np.cov((images * inverse_scale).reshape(-1, x.shape[-1]), rowvar=False, bias=True)

    rests = [ids != group for group in np.unique(ids)]
    return np.array([rest.mean() * (covariance(x) - covariance(x[rest])) for rest in rests])


CASES = {
    "twenty equal groups": (60, ()),
    "unequal groups": (27, ()),
    "empty groups": (7, ()),
    "dead channels": (40, (0, 5)),
}


@pytest.mark.parametrize(("images", "dead"), CASES.values(), ids=CASES)
def test_expanded_sums_equal_those_of_the_definition(images: int, dead: tuple[int, ...]) -> None:
    x = relu_images(1, images=images)
    x[..., list(dead)] = 3.0
    ids = group_of_image(np.arange(images), images)
    groups = deviations_of(GroupMoments.from_samples(x, ids), dead)
    obvious = obvious_deviations(x, ids, groups.inverse_scale)
    factor = len(obvious) / (len(obvious) - 1)
    diagonals = np.einsum("gii->gi", obvious)
    changes = obvious - groups.correlation * (diagonals[:, :, None] + diagonals[:, None, :]) / 2
    matrix = np.random.default_rng(2).standard_normal((8, 8))
    matrix += matrix.T

    along = np.einsum("gij,ij->g", obvious, matrix)
    along -= along.sum() * np.bincount(ids)[np.unique(ids)] / images

    filled = groups.moments.counts > 0

    assert groups.filled == len(obvious)
    assert groups.diagonals()[filled] == pytest.approx(diagonals, abs=1e-12)
    assert groups.along(matrix)[filled] == pytest.approx(along, abs=1e-11)
    assert groups.along(matrix).sum() == pytest.approx(0, abs=1e-10)
    assert groups.correlation_variance() == pytest.approx(factor * (changes**2).sum(), rel=1e-8)
    assert groups.variance_of_variances() == pytest.approx(factor * (diagonals**2).sum(), rel=1e-9)
    assert groups.variance_along(matrix) == pytest.approx(factor * (along**2).sum(), rel=1e-8)


@pytest.mark.parametrize("channels", [4, 16, 32])
def test_standard_error_agrees_with_exact_delete_a_group_replicates(channels: int) -> None:
    ratios = []
    for seed in range(5):
        x = relu_images(seed, images=400, channels=channels, samples=20)
        ids = group_of_image(np.arange(400), 400)
        groups = deviations_of(GroupMoments.from_samples(x, ids))
        gradient = entropy_gradient(*np.linalg.eigh(groups.correlation), groups.correlation)
        replicates = []
        for group in range(20):
            rest = x[ids != group].reshape(-1, channels)
            replicates.append(spectral_entropy(np.linalg.eigvalsh(np.corrcoef(rest, rowvar=False))))
        exact = np.sqrt(19 * np.var(replicates))

        ratios.append(np.sqrt(groups.variance_along(gradient)) / exact)

    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


def test_variance_of_a_correlation_is_that_of_repeated_sampling() -> None:
    random = np.random.default_rng(3)
    correlations, estimates = [], []
    for _ in range(300):
        x = random.standard_normal((40, 3, 2)) + random.standard_normal((40, 1, 2))
        groups = deviations_of(GroupMoments.from_samples(x, group_of_image(np.arange(40), 40)))
        correlations.append(groups.correlation[0, 1])
        estimates.append(groups.correlation_variance() / 2)

    assert np.mean(estimates) == pytest.approx(np.var(correlations), rel=0.15)
