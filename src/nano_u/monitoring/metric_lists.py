"""Logged steps as lists, the way Keras' History holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nano_u.monitoring.record import StepRecord
from nano_u.redundancy import LayerRedundancy, ModelRedundancy

_FIELDS = {
    "redundancy": "redundancy_score",
    "correlation_mean": "correlation_mean",
    "feature_correlation": "correlation_mean",
    "correlation_std": "correlation_std",
    "trace": "trace",
    "condition_number": "condition_number",
}


def metric_lists(records: Sequence[StepRecord]) -> dict[str, Any]:
    """`redundancy`, `correlation_mean`, ..., `epoch`, `step` over the model, and `layers` with the same per layer."""
    found: dict[str, Any] = _lists([(record, record.model) for record in records])
    by_layer: dict[str, list[tuple[StepRecord, LayerRedundancy]]] = {}
    for record in records:
        for layer in record.layers:
            by_layer.setdefault(layer.layer, []).append((record, layer))
    found["layers"] = {name: _lists(pairs) for name, pairs in by_layer.items()}
    return found


def _lists(pairs: Iterable[tuple[StepRecord, LayerRedundancy | ModelRedundancy]]) -> dict[str, list[Any]]:
    kept = list(pairs)
    lists: dict[str, list[Any]] = {
        name: [getattr(measured, field) for _, measured in kept] for name, field in _FIELDS.items()
    }
    lists["epoch"] = [record.epoch for record, _ in kept]
    lists["step"] = [record.step for record, _ in kept]
    return lists
