from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.redundancy import GroupMoments, LayerRedundancy, group_of_image, measure_layer
from nano_u.redundancy.record import SCALAR_FIELDS

CHANNELS = 6


def activations(seed: int = 0, *, images: int = 50, dead: tuple[int, ...] = ()) -> np.ndarray:
    """`(images, 16, 6)`, correlated; channel 5 nearly repeats channel 0."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((CHANNELS, CHANNELS))
    x = random.standard_normal((images, 16, CHANNELS)) @ mixing + 0.3 * random.standard_normal((images, 1, CHANNELS))
    x[..., 5] = x[..., 0] + 0.05 * random.standard_normal((images, 16))
    x[..., list(dead)] = 2.0
    return x


def measure(x: np.ndarray, **options: Any) -> LayerRedundancy:
    moments = GroupMoments.from_samples(x, group_of_image(np.arange(len(x)), max(1, len(x))))
    return measure_layer(moments, **{"layer": "conv", "mode": "training", "linear_input": True} | options)


def reference(x: np.ndarray) -> dict[str, float]:
    """Slow and obvious: what the record must say, from the samples themselves; all channels live."""
    flat = x.reshape(-1, x.shape[-1])
    channels = x.shape[-1]
    covariance = np.cov(flat, rowvar=False, bias=True)
    correlation = np.corrcoef(flat, rowvar=False)
    ids = group_of_image(np.arange(len(x)), len(x))

    pairs = [(i, j) for i in range(channels) for j in range(channels) if i != j]
    strength = np.abs([correlation[i, j] for i, j in pairs if i < j])
    replicates = [np.corrcoef(x[ids != group].reshape(-1, channels), rowvar=False) for group in range(20)]
    jackknife = sum(19 * np.var([replicate[i, j] for replicate in replicates]) for i, j in pairs)
    naive = sum((1 - correlation[i, j] ** 2) ** 2 for i, j in pairs)

    samples = min(len(flat), naive / jackknife)
    share = np.linalg.eigvalsh(correlation) / channels
    entropy = -sum(p * math.log(p) for p in share)
    corrected = entropy
    for _ in range(200):
        corrected = entropy + math.exp(corrected) / (2 * (samples - 1))
    eigenvalues = np.linalg.eigvalsh(covariance)
    off_diagonal = math.sqrt(sum(covariance[i, j] ** 2 for i, j in pairs))
    return {
        "effective_samples": samples,
        "redundancy_score": 1 - (math.exp(corrected) - 1) / (channels - 1),
        "correlation_mean": strength.mean(),
        "correlation_std": strength.std(),
        "correlation_max": strength.max(),
        "trace": np.trace(covariance),
        "dominance": eigenvalues[-1] / eigenvalues.sum(),
        "condition_number": eigenvalues[-1] / eigenvalues[0],
        "off_diagonal_norm": off_diagonal,
        "decov": 0.5 * off_diagonal**2 / np.trace(covariance),
    }


@pytest.mark.parametrize("seed", range(4))
def test_the_record_agrees_with_a_slow_reference(seed: int) -> None:
    x = activations(seed, images=200)

    record = measure(x)

    row = record.scalars()
    expected = reference(x)
    # Jackknife replicates are linear in the covariance here, exact in the reference.
    assert row["effective_samples"] == pytest.approx(expected.pop("effective_samples"), rel=0.05)
    assert row["redundancy_score"] == pytest.approx(expected.pop("redundancy_score"), abs=1e-4)
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert record.status == "ok"
    assert record.reason is None
    assert (record.samples, record.images) == (3200, 200)
    assert record.reliable
    assert record.dead_channels == 0
    assert record.rank == CHANNELS
    assert record.correlation == pytest.approx(np.corrcoef(x.reshape(-1, CHANNELS), rowvar=False))
    assert record.histogram is not None
    assert sum(record.histogram) == CHANNELS * (CHANNELS - 1) // 2
    assert record.score_low is not None
    assert record.score_high is not None
    assert record.redundancy_score is not None
    assert record.score_low < record.redundancy_score < record.score_high


@given(seed=st.integers(0, 200))
def test_scores_ignore_order_sign_shift_and_scale_of_channels(seed: int) -> None:
    x = activations(seed)
    random = np.random.default_rng(seed)
    order = random.permutation(CHANNELS)
    change = random.choice([-1, 1], CHANNELS) * 10 ** random.uniform(-3, 3, CHANNELS)
    shift = random.uniform(-100, 100, CHANNELS) * x.std(axis=(0, 1))

    plain, changed = measure(x), measure(((x + shift) * change)[..., order])

    names = ("redundancy_score", "score_low", "score_high", "effective_samples", "removable")
    correlations = ("correlation_mean", "correlation_std", "correlation_max")
    for name in (*names, *correlations):
        assert getattr(changed, name) == pytest.approx(getattr(plain, name), rel=1e-6, abs=1e-9)


def test_channels_that_others_replace_are_advised_away() -> None:
    x = activations()
    x[..., 4] = (x[..., 1] - 2 * x[..., 2]) * 100

    record = measure(x)

    assert record.removable == pytest.approx(2 / CHANNELS)
    assert record.removable_reason is None
    assert record.keep is not None
    assert set(record.keep) & {0, 5}
    assert len(set(record.keep) & {1, 2, 4}) == 2
    assert 3 in record.keep
    assert record.scalars()["keep"] == " ".join(str(channel) for channel in record.keep)


def test_independent_channels_are_all_kept() -> None:
    record = measure(np.random.default_rng(0).standard_normal((40, 16, 4)))

    assert (record.removable, record.keep) == (0.0, (0, 1, 2, 3))


@pytest.mark.parametrize(
    ("options", "images", "reason"),
    [
        ({"linear_input": False}, 50, "not read by a linear consumer"),
        ({"linear_input": False, "reads": "pool"}, 50, "not read by a linear consumer; see 'pool'"),
        ({"num_channels": 99, "channels": range(0, 96, 16)}, 50, "scored on 6 of 99 channels; use --exact"),
        ({}, 1, "1 effective samples; advice on 6 channels needs 24"),
    ],
    ids=["not linear", "linear further on", "subset", "few samples"],
)
def test_without_advice_the_reason_is_given(options: dict[str, Any], images: int, reason: str) -> None:
    record = measure(activations(images=images), **options)

    assert record.removable is None
    assert record.keep is None
    assert record.removable_reason == reason
    assert record.redundancy_score is not None


def test_a_subset_of_channels_is_said_to_be_one() -> None:
    record = measure(activations(), num_channels=99, channels=range(0, 96, 16))

    assert (record.num_channels, record.sampled_channels) == (99, CHANNELS)
    assert measure(activations()).sampled_channels is None


def test_fewer_than_four_effective_samples_per_channel_are_unreliable() -> None:
    values = np.random.default_rng(0).standard_normal((40, 1, CHANNELS))

    assert measure(np.repeat(values, 100, axis=1)).reliable
    assert not measure(np.repeat(values[:22], 100, axis=1)).reliable


def test_dead_channels_are_counted_and_left_out_of_correlations() -> None:
    x = activations()
    alive, record = measure(x[..., [0, 2, 3, 4, 5]]), measure(activations(dead=(1,)))

    assert record.dead_channels == 1
    assert record.rank == 5
    assert record.correlation_mean == pytest.approx(alive.correlation_mean)
    assert record.condition_number == pytest.approx(alive.condition_number)
    assert record.effective_samples == pytest.approx(alive.effective_samples)
    assert record.histogram == alive.histogram
    assert record.correlation is not None
    assert np.isnan(record.correlation[1]).all()
    assert np.isnan(record.correlation[:, 1]).all()
    assert np.isnan(record.correlation).sum() == 11
    assert record.keep is not None
    assert 1 not in record.keep
    # The same effective rank among one channel more.
    assert alive.redundancy_score is not None
    assert record.redundancy_score == pytest.approx(1 - (1 - alive.redundancy_score) * 4 / 5)


def test_one_live_channel_of_several_scores_one() -> None:
    record = measure(activations(dead=(0, 1, 2, 4, 5)))

    assert record.status == "ok"
    assert (record.redundancy_score, record.score_low, record.score_high) == (1.0, 1.0, 1.0)
    assert record.keep == (3,)
    assert record.removable == pytest.approx(5 / 6)
    assert (record.dominance, record.condition_number, record.rank) == (1.0, 1.0, 1)
    assert record.correlation_mean is None
    assert record.histogram is None


@pytest.mark.parametrize(
    ("x", "status", "reason"),
    [
        (np.random.default_rng(0).standard_normal((9, 4, 1)), "one_channel", "one channel has no other to repeat"),
        (np.full((9, 4, 1), 3.0), "one_channel", "no channel varies"),
        (np.full((9, 4, 3), 3.0), "all_dead", "no channel varies"),
        (np.zeros((0, 4, 3)), "insufficient", "0 samples; at least 2 are needed"),
        (np.ones((1, 1, 3)), "insufficient", "1 samples; at least 2 are needed"),
    ],
    ids=["one channel", "one dead channel", "all dead", "nothing", "one sample"],
)
def test_without_a_score_the_status_says_why(x: np.ndarray, status: str, reason: str) -> None:
    record = measure(x)

    assert (record.status, record.reason, record.removable_reason) == (status, reason, reason)
    scores = ("redundancy_score", "score_low", "score_high", "removable", "keep", "correlation_mean", "histogram")
    assert [getattr(record, name) for name in scores] == [None] * len(scores)
    assert not record.reliable
    assert no_number_is_nan(record)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
def test_values_that_are_not_finite_leave_every_number_undefined(value: float) -> None:
    x = activations()
    x[3, 2, 1] = value

    record = measure(x, extra_metrics={"determinant": lambda covariance: float(np.linalg.det(covariance))})

    assert record.status == "non_finite"
    assert record.reason == "NaN, infinite or too large values in 1 of 6 channels"
    row = record.scalars()
    known = {"layer", "mode", "status", "reason", "removable_reason", "num_channels", "samples", "images"}
    assert {name for name, value in row.items() if value is not None} == known | {"reliable", "condition_at_floor"}
    assert record.extra == {"determinant": None}


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e20, 1e30])
def test_float32_extremes_are_measured_like_ordinary_values(scale: float) -> None:
    x = activations()
    ordinary, extreme = measure(x), measure((x * scale).astype(np.float32))

    assert extreme.status == "ok"
    assert extreme.redundancy_score == pytest.approx(ordinary.redundancy_score, abs=1e-6)
    assert extreme.effective_samples == pytest.approx(ordinary.effective_samples, rel=1e-4)
    assert extreme.condition_number == pytest.approx(ordinary.condition_number, rel=1e-3)
    assert ordinary.trace is not None
    assert ordinary.decov is not None
    assert extreme.trace == pytest.approx(ordinary.trace * scale**2, rel=1e-5)
    assert extreme.decov == pytest.approx(ordinary.decov * scale**2, rel=1e-5)


def test_a_copied_channel_puts_the_condition_number_at_its_floor() -> None:
    x = activations()
    x[..., 1] = x[..., 0]

    record = measure(x)

    assert record.condition_at_floor
    assert record.condition_number == pytest.approx(1 / (CHANNELS * np.finfo(np.float32).eps))
    assert record.rank == CHANNELS - 1
    assert measure(x, tolerance=1e-3).condition_number == pytest.approx(1e3)


def test_fewer_samples_than_channels_give_defined_values() -> None:
    record = measure(np.random.default_rng(0).standard_normal((3, 1, 16)))

    assert record.status == "ok"
    assert not record.reliable
    assert record.rank == 2
    assert no_number_is_nan(record)


def test_extra_metrics_get_the_covariance() -> None:
    x = activations()
    covariance = np.cov(x.reshape(-1, CHANNELS), rowvar=False, bias=True)

    record = measure(x, extra_metrics={"first": lambda matrix: matrix[0, 1], "bad": lambda matrix: np.inf})

    assert record.extra["first"] == pytest.approx(covariance[0, 1])
    assert record.extra["bad"] is None
    assert list(record.scalars()) == [*SCALAR_FIELDS, "first", "bad"]


def test_an_extra_metric_does_not_replace_a_field() -> None:
    with pytest.raises(ValueError, match="'trace' has the name of a field"):
        measure(activations(), extra_metrics={"trace": lambda matrix: 0.0})


@pytest.mark.parametrize(
    ("options", "numbered"),
    [({"num_channels": 9}, "none"), ({"num_channels": 9, "channels": [1, 2]}, "2"), ({"channels": [0, 1]}, "2")],
    ids=["none", "too few", "too few of all"],
)
def test_channel_numbers_that_do_not_fit_are_refused(options: dict[str, Any], numbered: str) -> None:
    with pytest.raises(ValueError, match=f"'conv': 6 of . channels were scored, but {numbered} are numbered"):
        measure(activations(), **options)


def test_dead_channels_and_empty_groups_change_no_number_of_the_groups_that_are_there() -> None:
    x = activations(images=10)
    ids = np.repeat([0, 1, 2, 3, 4], 2)
    spread = ids * 4

    dense, sparse = (
        measure_layer(GroupMoments.from_samples(x, numbers), layer="conv", mode="training", linear_input=True)
        for numbers in (ids, spread)
    )

    assert sparse == dense


def no_number_is_nan(record: LayerRedundancy) -> bool:
    return all(math.isfinite(value) for value in record.scalars().values() if isinstance(value, float))
