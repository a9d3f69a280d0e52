"""Models over time: `(batch, time, channels)` activations, loops, tokens and attention."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from tests.monitoring.zoo.probes import at_layers, probe
from tests.monitoring.zoo.style import ModelStyle, images, masks


def _convolution_over_time() -> keras.Model:
    inputs = keras.Input((16, 3), name="signal")
    x = layers.Conv1D(4, 3, padding="causal", activation="relu", name="conv1")(inputs)
    x = layers.Dense(5, activation="tanh", name="dense1")(x)
    x = layers.AveragePooling1D(2, name="pool1")(x)
    return keras.Model(inputs, layers.Dense(1, name="logits")(x), name="convolution_over_time")


def _loops() -> keras.Model:
    """Layers that run inside a loop of the graph, where no tensor may be taken out: only what leaves it counts."""
    inputs = keras.Input((8, 3), name="signal")
    x = layers.TimeDistributed(layers.Dense(4, activation="relu", name="per_step"), name="steps")(inputs)
    x = layers.GRU(5, return_sequences=True, name="gru")(x)
    x = layers.Dense(3, activation="relu", name="dense1")(x)
    return keras.Model(inputs, layers.Dense(1, name="logits")(x), name="loops")


def _tokens() -> keras.Model:
    """Integer inputs, zero = padding, and the mask that follows them."""
    inputs = keras.Input((10,), dtype="int32", name="tokens")
    x = layers.Embedding(7, 4, mask_zero=True, name="embedding")(inputs)
    x = layers.Dense(5, activation="relu", name="dense1")(x)
    x = layers.GlobalAveragePooling1D(name="pool1")(x)
    return keras.Model(inputs, layers.Dense(1, name="logits")(x), name="tokens")


def _token_data() -> tuple[Any, Any]:
    tokens = np.random.default_rng(0).integers(1, 7, size=(8, 10)).astype(np.int32)
    tokens[::2, 7:] = 0
    return tokens, masks(1)


def _attention() -> keras.Model:
    inputs = keras.Input((8, 4), name="signal")
    x = layers.LayerNormalization(name="norm")(inputs)
    x = layers.MultiHeadAttention(num_heads=2, key_dim=3, name="attention")(x, x)
    x = layers.Add(name="residual")([inputs, x])
    x = layers.Dense(5, activation="gelu", name="dense1")(x)
    return keras.Model(inputs, layers.Dense(1, name="logits")(x), name="attention_net")


def _attention_activations(model: keras.Model, x: Any, training: bool) -> dict[str, Any]:
    names = ("norm", "residual", "dense1", "logits")
    found = probe(model, {name: model.get_layer(name).output for name in names}, x, training)
    attention = model.get_layer("attention")
    query, key, value = (getattr(attention, f"_{part}_dense")(found["norm"]) for part in ("query", "key", "value"))
    weights = keras.ops.softmax(keras.ops.einsum("bqhc,bkhc->bhqk", query, key) / np.sqrt(3.0).astype(np.float32))
    mixed = keras.ops.einsum("bhqk,bkhc->bqhc", weights, value)
    return {"norm": found.pop("norm"), "attention/attention_output:input": mixed, **found}


STYLES = (
    ModelStyle(
        "convolution_over_time",
        _convolution_over_time,
        lambda: (images(16, 3), masks(8, 1)),
        at_layers("conv1", "dense1", "pool1", "logits"),
        selection={"conv1": True, "dense1": False, "pool1": True},
    ),
    ModelStyle(
        "loops_in_the_graph",
        _loops,
        lambda: (images(8, 3), masks(8, 1)),
        at_layers("gru", "dense1", "logits"),
        selection={"gru": True, "dense1": True},
    ),
    ModelStyle(
        "integer_tokens_with_mask",
        _tokens,
        _token_data,
        at_layers("embedding", "dense1", "pool1", "logits"),
        selection={"embedding": True, "dense1": False, "pool1": True},
    ),
    ModelStyle(
        "attention",
        _attention,
        lambda: (images(8, 4), masks(8, 1)),
        _attention_activations,
        selection={"norm": True, "attention/attention_output:input": True, "residual": True, "dense1": True},
    ),
)
