"""Layers that no linear map reads: the reason in their record, and the layer at which their channels can be judged."""

from __future__ import annotations

from collections.abc import Sequence

from nano_u.redundancy.record import LayerRedundancy

NO_LINEAR_READER = "not read by a linear consumer"
"""How the reason begins; the name of the point further on may follow."""


def no_linear_reader(reads: str | None) -> str:
    """The reason why no channel can be advised away; `reads` is where the same channels reach a linear map."""
    return NO_LINEAR_READER + (f"; see '{reads}'" if reads else "")


def has_linear_reader(layer: LayerRedundancy) -> bool:
    """Whether a linear map reads the channels, so that `keep` is known or would be with more samples."""
    return layer.keep is not None or not (layer.removable_reason or "").startswith(NO_LINEAR_READER)


def judged_at(layer: LayerRedundancy, layers: Sequence[LayerRedundancy]) -> LayerRedundancy | None:
    """The one of `layers` that the reason of `layer` names: there its channels reach a linear map. None if none is."""
    return next((other for other in layers if layer.removable_reason == no_linear_reader(other.layer)), None)
