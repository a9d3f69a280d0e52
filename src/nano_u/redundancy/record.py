"""What is known about one layer's redundancy at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

Mode = Literal["training", "inference"]
Status = Literal["ok", "non_finite", "one_channel", "all_dead", "insufficient"]
Scalar = float | int | str | bool | None

_NOT_SCALAR = {"extra", "histogram", "correlation"}


@dataclass(frozen=True)
class LayerRedundancy:
    """How much of a layer's channel variance repeats. None means not defined; no field is ever NaN or infinite."""

    layer: str
    mode: Mode
    """Whether BatchNorm and Dropout ran as in training or as in inference."""
    status: Status
    reason: str | None
    """Why the status is not "ok"."""
    num_channels: int
    """Channels of the layer; those scored are `sampled_channels` where that is given."""
    sampled_channels: int | None
    samples: int
    images: int
    effective_samples: float | None
    """Independent samples that would tell as much; at most `samples`."""
    reliable: bool
    """At least four effective samples per scored channel."""
    redundancy_score: float | None
    """In [0, 1]: 0 = channels independent, 1 = all repeat one; finite-sample bias removed."""
    score_low: float | None
    score_high: float | None
    """95 % interval of `redundancy_score`."""
    removable: float | None
    """Share of channels in [0, 1 - 1/channels] that the kept ones replace linearly, all but 5 % of their variance."""
    removable_reason: str | None
    """Why `removable` and `keep` are None."""
    keep: tuple[int, ...] | None
    """Numbers of the channels to keep, ascending."""
    correlation_mean: float | None
    correlation_std: float | None
    correlation_max: float | None
    """Of abs(r) over distinct live pairs, in [0, 1]."""
    trace: float | None
    """Total variance of the scored channels."""
    dominance: float | None
    """Largest eigenvalue / trace of the covariance, in (0, 1]."""
    condition_number: float | None
    """Largest / smallest eigenvalue of the live covariance, >= 1; a lower bound where `condition_at_floor`."""
    condition_at_floor: bool
    rank: int | None
    """Eigenvalues of the live covariance above the floor of `condition_number`."""
    dead_channels: int | None
    off_diagonal_norm: float | None
    """Frobenius norm of the covariance off its diagonal."""
    decov: float | None
    """0.5 * off_diagonal_norm^2 / trace."""
    extra: Mapping[str, float | None] = field(default_factory=dict)
    """The caller's own metrics."""
    histogram: tuple[int, ...] | None = field(default=None, repr=False)
    """Live pairs per bin of abs(r); equal bins over [0, 1]."""
    correlation: npt.NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    """`(channels, channels)` of the scored channels; NaN in the rows and columns of dead ones."""

    def scalars(self) -> dict[str, Scalar]:
        """One table row: every field but the histogram and the matrix, in order, the caller's metrics last.

        `keep` becomes a text of numbers with spaces between.
        """
        row: dict[str, Scalar] = {name: getattr(self, name) for name in SCALAR_FIELDS}
        row["keep"] = None if self.keep is None else " ".join(map(str, self.keep))
        return {**row, **self.extra}


SCALAR_FIELDS = tuple(entry.name for entry in fields(LayerRedundancy) if entry.name not in _NOT_SCALAR)
"""The columns of `LayerRedundancy.scalars()` without the caller's own metrics."""
