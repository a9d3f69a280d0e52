"""One row for a whole model out of the records of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from nano_u.redundancy.record import LayerRedundancy, Scalar


@dataclass(frozen=True)
class ModelRedundancy:
    """Channel-weighted means over the layers with a score; but the sum of all traces, the largest condition number.

    None where no layer defines the value.
    """

    redundancy_score: float | None
    correlation_mean: float | None
    correlation_std: float | None
    trace: float | None
    condition_number: float | None
    correlation_max: float | None
    dominance: float | None
    off_diagonal_norm: float | None
    decov: float | None
    num_channels: int
    dead_channels: int
    num_layers: int
    layers_without_score: int
    extra: Mapping[str, float | None] = field(default_factory=dict)

    def scalars(self) -> dict[str, Scalar]:
        """One table row: every field in order, the caller's metrics last."""
        return {**{name: getattr(self, name) for name in MODEL_SCALAR_FIELDS}, **self.extra}


MODEL_SCALAR_FIELDS = tuple(entry.name for entry in fields(ModelRedundancy) if entry.name != "extra")
"""The columns of `ModelRedundancy.scalars()` without the caller's own metrics."""


def aggregate(layers: Sequence[LayerRedundancy]) -> ModelRedundancy:
    """Summarise `layers`; the caller's metrics are averaged over every layer that has them."""
    scored = [layer for layer in layers if layer.redundancy_score is not None]
    extra_names = dict.fromkeys(name for layer in layers for name in layer.extra)
    traces = [layer.trace for layer in layers if layer.trace is not None]
    conditions = [layer.condition_number for layer in layers if layer.condition_number is not None]
    return ModelRedundancy(
        redundancy_score=_mean([(layer.num_channels, layer.redundancy_score) for layer in scored]),
        correlation_mean=_mean([(layer.num_channels, layer.correlation_mean) for layer in scored]),
        correlation_std=_mean([(layer.num_channels, layer.correlation_std) for layer in scored]),
        trace=sum(traces) if traces else None,
        condition_number=max(conditions, default=None),
        correlation_max=_mean([(layer.num_channels, layer.correlation_max) for layer in scored]),
        dominance=_mean([(layer.num_channels, layer.dominance) for layer in scored]),
        off_diagonal_norm=_mean([(layer.num_channels, layer.off_diagonal_norm) for layer in scored]),
        decov=_mean([(layer.num_channels, layer.decov) for layer in scored]),
        num_channels=sum(layer.num_channels for layer in layers),
        dead_channels=sum(layer.dead_channels or 0 for layer in layers),
        num_layers=len(layers),
        layers_without_score=len(layers) - len(scored),
        extra={name: _mean([(layer.num_channels, layer.extra.get(name)) for layer in layers]) for name in extra_names},
    )


def _mean(weighted: Sequence[tuple[int, float | None]]) -> float | None:
    """Mean of the defined values of `(weight, value)` pairs."""
    defined = [(weight, value) for weight, value in weighted if value is not None]
    total = sum(weight for weight, _ in defined)
    return sum(weight / total * value for weight, value in defined) if defined else None
