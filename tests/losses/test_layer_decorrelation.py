from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses import correlation_redundancy, covariance_redundancy, covariance_regularizer_loss


def activations(channels: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(4, 3, 3, channels)) + random.normal(size=(4, 3, 3, 1))).astype(np.float32)


LAYERS = {"encoder": activations(3, 1), "decoder": activations(5, 2)}
ENCODER, DECODER = (float(covariance_redundancy(x)) for x in LAYERS.values())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (ENCODER + DECODER) / 2),
        ({"reduction": "sum"}, ENCODER + DECODER),
        ({"weights": {"decoder": 3.0}}, (ENCODER + 3 * DECODER) / 2),
        ({"weights": {"encoder": 0.0, "decoder": 0.5}, "reduction": "sum"}, 0.5 * DECODER),
        ({"weights": [2.0, 0.0], "reduction": "sum"}, 2 * ENCODER),
    ],
    ids=["mean", "sum", "one weight", "two weights", "weights in order"],
)
def test_the_loss_is_the_weighted_sum_or_its_mean_over_layers(options: dict[str, Any], expected: float) -> None:
    assert float(covariance_regularizer_loss(LAYERS, **options)) == pytest.approx(expected, rel=1e-6)


def test_layer_scores_are_the_unweighted_penalties() -> None:
    loss, scores = covariance_regularizer_loss(LAYERS, {"decoder": 10.0}, "sum", True)

    assert {name: float(score) for name, score in scores.items()} == pytest.approx(
        {"encoder": ENCODER, "decoder": DECODER}, rel=1e-6
    )
    assert float(loss) == pytest.approx(ENCODER + 10 * DECODER, rel=1e-6)


def test_layers_of_a_list_are_called_by_their_number() -> None:
    loss, scores = covariance_regularizer_loss(list(LAYERS.values()), {"1": 0.0}, "sum", True)

    assert list(scores) == ["0", "1"]
    assert float(loss) == pytest.approx(ENCODER, rel=1e-6)


def test_the_scale_free_penalty_and_all_options_reach_every_layer() -> None:
    first = {name: np.moveaxis(x, -1, 1) * 100 for name, x in LAYERS.items()}
    expected = sum(float(correlation_redundancy(x, spatial="mean")) for x in LAYERS.values())

    loss = covariance_regularizer_loss(
        first, reduction="sum", penalty="correlation", spatial="mean", data_format="channels_first"
    )

    assert float(loss) == pytest.approx(expected, rel=1e-4)
    unnormalised = covariance_regularizer_loss({"encoder": LAYERS["encoder"]}, normalize=False)
    assert float(unnormalised) == pytest.approx(float(covariance_redundancy(LAYERS["encoder"], False)), rel=1e-6)


def test_gradients_reach_every_layer_by_its_weight_in_graph_and_eager() -> None:
    layers = {name: tf.Variable(x) for name, x in LAYERS.items()}

    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = covariance_regularizer_loss(layers, {"decoder": 2.0}, "sum")
        return tape.gradient(loss, list(layers.values()))

    for gradient, in_graph, (name, x) in zip(gradients(), tf.function(gradients)(), layers.items(), strict=True):
        with tf.GradientTape() as tape:
            alone = covariance_redundancy(x)
        expected = {"encoder": 1.0, "decoder": 2.0}[name] * tape.gradient(alone, x)
        assert np.abs(gradient).max() > 0
        rounding = 1e-6 * np.abs(gradient).max()
        np.testing.assert_allclose(gradient, expected, atol=rounding)
        np.testing.assert_allclose(in_graph, gradient, atol=rounding)


def test_layers_of_different_types_add_up() -> None:
    mixed = {"half": tf.cast(LAYERS["encoder"], tf.float16), "double": LAYERS["decoder"].astype(np.float64)}

    loss = covariance_regularizer_loss(mixed, reduction="sum")

    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(ENCODER + DECODER, rel=1e-2)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        (LAYERS, {"weights": {"decodr": 1.0}}, r"unknown layer 'decodr'; did you mean 'decoder'\? .*encoder, decoder"),
        (LAYERS, {"weights": {"head": 1.0}}, r"unknown layer 'head' \(known: encoder, decoder\)"),
        (LAYERS, {"weights": {"encoder": -1.0}}, "weight of 'encoder' must not be negative, got -1.0"),
        (LAYERS, {"weights": {"encoder": float("nan")}}, "must not be negative, got nan"),
        (LAYERS, {"weights": [1.0]}, "1 weights were given for 2 layers"),
        (LAYERS, {"reduction": "max"}, "'mean' or 'sum', got 'max'"),
        (LAYERS, {"penalty": "decov"}, "'covariance' or 'correlation', got 'decov'"),
        ({}, {}, "no layer"),
        (LAYERS["encoder"], {}, "got ndarray; for one tensor use covariance_redundancy"),
    ],
    ids=["typo", "unknown", "negative", "nan", "count", "reduction", "penalty", "empty", "tensor"],
)
def test_wrong_arguments_are_named(layers: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        covariance_regularizer_loss(layers, **options)
