"""Everything that is measured on one layer, from the moments of its activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.redundancy.blas_threads import one_blas_thread
from nano_u.redundancy.correlation import correlation_matrix, summarise_correlation
from nano_u.redundancy.effective_samples import effective_samples
from nano_u.redundancy.jackknife import GroupDeviations
from nano_u.redundancy.linear_reader import no_linear_reader
from nano_u.redundancy.live_channels import live_channels
from nano_u.redundancy.moments import GroupMoments, Moments
from nano_u.redundancy.record import SCALAR_FIELDS, LayerRedundancy, Mode, Status
from nano_u.redundancy.score import corrected_score
from nano_u.redundancy.selection import RESIDUAL_LIMIT, least_residual, select_channels
from nano_u.redundancy.spectrum import entropy_gradient, rank_tolerance, spectral_entropy, summarise_spectrum

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Fields = dict[str, Any]
Metrics = Mapping[str, Callable[[Array], float]]

SAMPLES_PER_CHANNEL = 4
"""Effective samples that a layer needs for each scored channel before advice rests on its numbers."""


def measure_layer(
    moments: GroupMoments,
    *,
    layer: str,
    mode: Mode,
    linear_input: bool,
    reads: str | None = None,
    num_channels: int | None = None,
    channels: Sequence[int] | None = None,
    extra_metrics: Metrics | None = None,
    tolerance: float = 0.0,
) -> LayerRedundancy:
    """The record of one layer.

    Args:
        moments: of the layer's activations, or of some of its channels.
        layer: its name in the record.
        mode: whether the activations come from training or inference.
        linear_input: every reader of the activations is a linear map over channels, so that kept channels can stand for
            others; else `removable` is None.
        reads: the point further on where the same channels reach a linear map.
        num_channels: channels of the whole layer, where only some were scored.
        channels: the numbers of those that were scored.
        extra_metrics: the caller's functions of the covariance `(channels, channels)`; what is not finite becomes None.
        tolerance: share of the largest eigenvalue of the covariance below which one counts as zero; at least
            live channels * eps(float32).

    Raises:
        ValueError: `channels` do not fit the moments, or a metric has the name of a field.
    """
    scored = moments.channels
    whole = scored if num_channels is None else num_channels
    if (whole != scored) if channels is None else (len(channels) != scored or whole < scored):
        numbered = "none" if channels is None else str(len(channels))
        raise ValueError(f"layer {layer!r}: {scored} of {whole} channels were scored, but {numbered} are numbered")
    metrics = extra_metrics or {}
    for name in metrics:
        if name in SCALAR_FIELDS:
            raise ValueError(f"extra metric {name!r} has the name of a field; choose another name")
    fields: Fields = {
        **_UNKNOWN,
        "layer": layer,
        "mode": mode,
        "num_channels": whole,
        "sampled_channels": scored if scored < whole else None,
        "samples": int(moments.counts.sum()),
        "images": moments.images,
        "extra": dict.fromkeys(metrics),
    }
    advice_reason = _advice_reason(fields, linear_input, reads)
    with one_blas_thread():
        fields |= _measured(moments, metrics, tolerance, advice_reason)
    return LayerRedundancy(**fields)


_UNKNOWN: Fields = {**dict.fromkeys(SCALAR_FIELDS), "status": "ok", "reliable": False, "condition_at_floor": False}


def _measured(moments: GroupMoments, metrics: Metrics, tolerance: float, advice_reason: str | None) -> Fields:
    """Fields that follow from the moments; `advice_reason` says why there can be no advice, if so."""
    total = moments.total()
    if total.count < 2:
        return _without_score("insufficient", f"{int(total.count)} samples; at least 2 are needed")
    if broken := _non_finite_channels(total):
        reason = f"NaN, infinite or too large values in {broken} of {moments.channels} channels"
        return _without_score("non_finite", reason)
    covariance = total.covariance
    live = live_channels(np.diagonal(covariance), total.mean)
    numbers = np.flatnonzero(live)
    alive = len(numbers)
    fields = _size_fields(covariance)
    fields["dead_channels"] = len(live) - alive
    fields["extra"] = {name: _representable(float(metric(covariance))) for name, metric in metrics.items()}
    if not alive:
        fields["rank"] = 0
        status: Status = "one_channel" if len(live) == 1 else "all_dead"
        return fields | _without_score(status, "no channel varies")
    live_covariance = covariance if alive == len(live) else covariance[np.ix_(numbers, numbers)]
    spectrum = summarise_spectrum(live_covariance, max(tolerance, rank_tolerance(alive)))
    fields["dominance"] = spectrum.dominance
    fields["condition_number"] = spectrum.condition_number
    fields["condition_at_floor"] = spectrum.at_floor
    fields["rank"] = spectrum.rank
    if len(live) == 1:
        return fields | _without_score("one_channel", "one channel has no other to repeat")
    return fields | _score_fields(moments, total, numbers, correlation_matrix(live_covariance), advice_reason)


def _score_fields(
    moments: GroupMoments,
    total: Moments,
    live: npt.NDArray[np.intp],
    correlation: Array,
    advice_reason: str | None,
) -> Fields:
    """What the `correlation` of the `live` channels tells: at least one of two or more."""
    channels = moments.channels
    inverse_scale = np.zeros(channels)
    inverse_scale[live] = 1 / np.sqrt(np.diagonal(total.scatter)[live] / total.count)
    groups = GroupDeviations(moments, total, inverse_scale, _embed(correlation, live, channels, fill=0.0))
    samples = effective_samples(groups)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    variance = None
    if groups.filled >= 2:
        gradient = entropy_gradient(eigenvalues, vectors, correlation)
        variance = groups.variance_along(_embed(gradient, live, channels, fill=0.0))
    score = corrected_score(
        spectral_entropy(eigenvalues),
        variance,
        effective_samples=samples,
        live=len(live),
        channels=channels,
        groups=groups.filled,
    )
    needed = SAMPLES_PER_CHANNEL * channels
    if samples < needed and advice_reason is None:
        advice_reason = f"{int(samples)} effective samples; advice on {channels} channels needs {needed}"
    keep = None
    if advice_reason is None:
        if least_residual(eigenvalues, vectors) > RESIDUAL_LIMIT:
            keep = tuple(live.tolist())
        else:
            chosen = select_channels(correlation, effective_samples=samples).keep
            keep = tuple(live[np.sort(chosen)].tolist())
    fields: Fields = {
        "effective_samples": samples,
        "reliable": samples >= needed,
        "redundancy_score": score.value,
        "score_low": score.low,
        "score_high": score.high,
        "removable": None if keep is None else 1 - len(keep) / channels,
        "removable_reason": advice_reason,
        "keep": keep,
        "correlation": _embed(correlation, live, channels, fill=np.nan),
    }
    if pairs := summarise_correlation(correlation):
        fields["correlation_mean"] = pairs.mean
        fields["correlation_std"] = pairs.std
        fields["correlation_max"] = pairs.max
        fields["histogram"] = pairs.histogram
    return fields


def _advice_reason(fields: Fields, linear_input: bool, reads: str | None) -> str | None:
    """Why no channel of this layer can be advised away, whatever the numbers will say."""
    if not linear_input:
        return no_linear_reader(reads)
    if fields["sampled_channels"] is not None:
        return f"scored on {fields['sampled_channels']} of {fields['num_channels']} channels; use --exact"
    return None


def _without_score(status: Status, reason: str) -> Fields:
    return {"status": status, "reason": reason, "removable_reason": reason}


def _non_finite_channels(total: Moments) -> int:
    """Channels whose mean or variance is not a finite number; a covariance is finite where both variances are."""
    fine = np.isfinite(total.mean) & np.isfinite(np.diagonal(total.scatter))
    return len(fine) - int(np.count_nonzero(fine))


def _size_fields(covariance: Array) -> Fields:
    """The fields that grow with the activations; None where float64 cannot hold them."""
    variances = np.diagonal(covariance)
    unit = float(variances.max())
    if unit <= 0:
        return {"trace": 0.0, "off_diagonal_norm": 0.0}
    relative = covariance / unit
    trace = float(np.trace(relative))
    np.fill_diagonal(relative, 0)
    squares = float(np.vdot(relative, relative))
    return {
        "trace": _representable(trace * unit),
        "off_diagonal_norm": _representable(math.sqrt(squares) * unit),
        "decov": _representable(0.5 * squares / trace * unit),
    }


def _representable(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _embed(matrix: Array, live: npt.NDArray[np.intp], channels: int, *, fill: float) -> Array:
    """The matrix of live channels among all of them."""
    if len(live) == channels:
        return matrix
    whole = np.full((channels, channels), fill)
    whole[np.ix_(live, live)] = matrix
    return whole
