from __future__ import annotations

import numpy as np
import pytest

from nano_u.errors import ConfigError
from nano_u.losses import METRICS, make_metric

# 3 hits, 2 false alarms, 1 miss, 4 true negatives, and 2 pixels to ignore.
LABELS = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 255, 255], np.float32).reshape(1, 3, 4, 1)
LOGITS = np.array([1, 2, 0, 1, 1, -1, -1, -2, -3, -1, 9, -9], np.float32).reshape(1, 3, 4, 1)
BY_HAND = {
    "iou": 3 / 6,
    "mean_iou": (3 / 6 + 4 / 7) / 2,
    "precision": 3 / 5,
    "recall": 3 / 4,
    "f1": 6 / 9,
    "f05": 1.25 * 3 / (1.25 * 3 + 0.25 * 1 + 2),
    "f2": 5 * 3 / (5 * 3 + 4 * 1 + 2),
    "accuracy": 7 / 10,
}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_metric_equals_the_count_by_hand(name: str) -> None:
    metric = make_metric(name)

    metric.update_state(LABELS, LOGITS)

    assert float(metric.result()) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", sorted(METRICS))
def test_two_batches_count_as_one(name: str) -> None:
    metric = make_metric(name)

    metric.update_state(LABELS[:, :1], LOGITS[:, :1])
    metric.update_state(LABELS[:, 1:], LOGITS[:, 1:])

    assert float(metric.result()) == pytest.approx(BY_HAND[name])


def test_reset_forgets_everything() -> None:
    metric = make_metric("iou")
    metric.update_state(np.ones((1, 1, 1, 1)), -np.ones((1, 1, 1, 1)))

    metric.reset_state()
    metric.update_state(LABELS, LOGITS)

    assert float(metric.result()) == pytest.approx(BY_HAND["iou"])


def test_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown metric 'auc'; known: accuracy"):
        make_metric("auc")
