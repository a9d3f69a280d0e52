"""One penalty for the redundancy of several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses.channel_covariance import DataFormat, Spatial
from nano_u.losses.decorrelation import correlation_redundancy, covariance_redundancy

Penalty = Literal["covariance", "correlation"]
Activations = Mapping[str, Any] | Sequence[Any]


def covariance_regularizer_loss(
    activations: Activations,
    weights: Mapping[str, float] | Sequence[float] | None = None,
    reduction: Literal["mean", "sum"] = "mean",
    return_layer_scores: bool = False,
    *,
    penalty: Penalty = "covariance",
    normalize: bool = True,
    spatial: Spatial = "pixels",
    data_format: DataFormat | None = None,
) -> Any:
    """Sum over layers of weight times penalty, divided by the number of layers for `reduction="mean"`; float32.

    Args:
        activations: `{layer: (batch, ..., channels)}`, or a sequence, whose layers are called "0", "1" and so on.
        weights: `{layer: weight}`, 1 for layers that are not named; or one number for each layer, in order.
        reduction: "mean" or "sum".
        return_layer_scores: also return `{layer: penalty}`, without the weights.
        penalty: "covariance" (DeCov) or "correlation" (scale-free, in [0, 1]).
        normalize: divide DeCov by the trace; the other penalty has no scale to divide by.
        spatial: every pixel is a sample, or with "mean" every image, averaged.
        data_format: "channels_last" or "channels_first"; by default Keras' own setting.

    Returns:
        The loss, or `(loss, scores)`.

    Raises:
        ConfigError: no layers, an unknown layer in `weights`, a weight below 0, or an unknown option.
        ModelError: activations of a rank outside 2 to 5.
    """
    layers = _by_name(activations)
    weight_of = _weights(weights, list(layers))
    if reduction not in ("mean", "sum"):
        raise ConfigError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    scores: dict[str, tf.Tensor] = {}
    for name, x in layers.items():
        score = layer_penalty(x, penalty=penalty, normalize=normalize, spatial=spatial, data_format=data_format)
        scores[name] = tf.cast(score, tf.float32)
    loss = tf.add_n([weight_of[name] * score for name, score in scores.items()])
    if reduction == "mean":
        loss /= float(len(scores))
    return (loss, scores) if return_layer_scores else loss


def layer_penalty(
    activations: Any, *, penalty: Penalty, normalize: bool, spatial: Spatial, data_format: DataFormat | None
) -> tf.Tensor:
    """The penalty called `penalty` of one layer, a scalar >= 0."""
    check_penalty(penalty)
    if penalty == "correlation":
        return correlation_redundancy(activations, spatial=spatial, data_format=data_format)
    return covariance_redundancy(activations, normalize, spatial=spatial, data_format=data_format)


def check_penalty(penalty: str) -> None:
    """Raise ConfigError for an unknown name."""
    if penalty not in ("covariance", "correlation"):
        raise ConfigError(f"penalty must be 'covariance' or 'correlation', got {penalty!r}")


def _by_name(activations: Activations) -> dict[str, Any]:
    if isinstance(activations, Mapping):
        layers = dict(activations)
    elif isinstance(activations, Sequence):
        layers = {str(index): x for index, x in enumerate(activations)}
    else:
        raise ConfigError(
            f"activations must be a mapping {{layer: tensor}} or a list of tensors, got {type(activations).__name__}; "
            "for one tensor use covariance_redundancy"
        )
    if not layers:
        raise ConfigError("activations hold no layer; select at least one")
    return layers


def _weights(weights: Mapping[str, float] | Sequence[float] | None, layers: list[str]) -> dict[str, float]:
    if weights is None:
        weights = {}
    elif not isinstance(weights, Mapping):
        if len(weights) != len(layers):
            raise ConfigError(f"{len(weights)} weights were given for {len(layers)} layers")
        weights = dict(zip(layers, weights, strict=True))
    for name, weight in weights.items():
        if name not in layers:
            close = get_close_matches(str(name), layers, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"weights: unknown layer {name!r}{hint} (known: {', '.join(layers)})")
        if not weight >= 0:
            raise ConfigError(f"weights: the weight of {name!r} must not be negative, got {weight}")
    return {name: float(weights.get(name, 1.0)) for name in layers}
