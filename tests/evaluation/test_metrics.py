from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.evaluation import ConfusionCounts, segmentation_metrics
from nano_u.evaluation.metrics import f_score

counts_strategy = st.builds(ConfusionCounts, *[st.integers(0, 10**9)] * 4)


def test_metrics_of_a_small_case_equal_the_fractions_worked_out_by_hand() -> None:
    metrics = segmentation_metrics(ConfusionCounts(6, 2, 3, 9))

    assert metrics.iou == pytest.approx(6 / 11)
    assert metrics.mean_iou == pytest.approx((6 / 11 + 9 / 14) / 2)
    assert metrics.precision == pytest.approx(6 / 8)
    assert metrics.recall == pytest.approx(6 / 9)
    assert metrics.f1 == pytest.approx(12 / 17)
    assert metrics.f05 == pytest.approx(1.25 * 6 / (1.25 * 6 + 0.25 * 3 + 2))
    assert metrics.f2 == pytest.approx(5 * 6 / (5 * 6 + 4 * 3 + 2))
    assert metrics.accuracy == pytest.approx(15 / 20)


@given(counts_strategy)
def test_every_metric_is_in_range_or_undefined(counts: ConfusionCounts) -> None:
    for value in dataclasses.astuple(segmentation_metrics(counts)):
        assert value is None or 0 <= value <= 1


@given(counts_strategy)
def test_f1_follows_from_iou(counts: ConfusionCounts) -> None:
    metrics = segmentation_metrics(counts)

    if metrics.iou is None:
        assert metrics.f1 is None
    else:
        assert metrics.f1 == pytest.approx(2 * metrics.iou / (1 + metrics.iou))


@given(counts_strategy)
def test_f_scores_are_weighted_harmonic_means_of_precision_and_recall(counts: ConfusionCounts) -> None:
    metrics = segmentation_metrics(counts)

    for beta in (0.5, 1.0, 2.0):
        if metrics.precision and metrics.recall:
            harmonic = (1 + beta**2) / (1 / metrics.precision + beta**2 / metrics.recall)
            assert f_score(counts, beta=beta) == pytest.approx(harmonic)


@given(counts_strategy)
def test_mean_iou_does_not_care_which_class_is_called_foreground(counts: ConfusionCounts) -> None:
    swapped = ConfusionCounts(
        counts.true_negatives, counts.false_negatives, counts.false_positives, counts.true_positives
    )

    assert segmentation_metrics(counts).mean_iou == segmentation_metrics(swapped).mean_iou


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        (ConfusionCounts(0, 0, 0, 5), {"iou", "mean_iou", "f1", "f05", "f2", "precision", "recall"}),
        (ConfusionCounts(5, 0, 0, 0), {"mean_iou"}),
        (ConfusionCounts(0, 5, 0, 0), {"recall"}),
        (ConfusionCounts(0, 0, 5, 0), {"precision"}),
        (ConfusionCounts(0, 0, 0, 0), {"iou", "mean_iou", "f1", "f05", "f2", "precision", "recall", "accuracy"}),
    ],
)
def test_a_ratio_of_nothing_to_nothing_is_none(counts: ConfusionCounts, undefined: set[str]) -> None:
    metrics = dataclasses.asdict(segmentation_metrics(counts))

    assert {name for name, value in metrics.items() if value is None} == undefined
