"""The metrics that training shows and those that evaluation reports come from two pieces of code."""

from __future__ import annotations

import numpy as np
import pytest

from nano_u.evaluation import frame_counts, segmentation_metrics, total_counts
from nano_u.losses import METRICS, make_metric

RNG = np.random.default_rng(4)
LOGITS = RNG.normal(size=(5, 6, 7, 1)).astype(np.float32)
MASKS = RNG.choice([0, 1, 255], size=(5, 6, 7, 1), p=[0.5, 0.4, 0.1]).astype(np.uint8)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_training_and_evaluation_agree(name: str) -> None:
    metric = make_metric(name)
    metric.update_state(MASKS, LOGITS)

    reported = getattr(segmentation_metrics(total_counts(frame_counts(LOGITS >= 0, MASKS))), name)

    assert float(metric.result()) == pytest.approx(reported, rel=1e-6)
