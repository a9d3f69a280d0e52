from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.monitoring.tiny import BATCH, compiled, data, fingerprint, fit, left_behind, monitor, network

from nano_u.errors import ConfigError, TrainingError
from nano_u.losses.decorrelation import correlation_redundancy


def test_first_loss_rises_by_the_weighted_penalty_of_the_layers(tmp_path: Path) -> None:
    model, (x, y) = compiled(network(dropout=0.0)), data(BATCH)
    tensors = [keras.Model(model.input, model.get_layer(name).output)(x, training=True) for name in ("relu1", "relu2")]
    model = compiled(network(dropout=0.0))
    penalty = float(np.mean([correlation_redundancy(tensor) for tensor in tensors]))

    callback = monitor(tmp_path, redundancy_weight=0.5)
    history = model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[callback]).history

    assert history["redundancy_penalty"] == [pytest.approx(0.5 * penalty, rel=1e-4)]
    assert history["task_loss"][0] + history["redundancy_penalty"][0] == pytest.approx(history["loss"][0], rel=1e-6)
    assert left_behind(model) == []


@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 3}, {"run_eagerly": True}], ids=str)
def test_penalty_lowers_redundancy(tmp_path: Path, options: dict[str, Any]) -> None:
    scores = {}
    for weight in (0.0, 3.0):
        model = compiled(network(dropout=0.0), **options)
        callback = monitor(tmp_path / str(weight), redundancy_weight=weight)
        fit(model, [callback], epochs=12)
        scores[weight] = callback.get_metrics()["correlation_mean"][-1]

    assert scores[3.0] < 0.7 * scores[0.0]


def test_warm_up_raises_the_weight_linearly(tmp_path: Path) -> None:
    callback = monitor(tmp_path, redundancy_weight=1.0, redundancy_warmup_steps=6)
    model = compiled(network(dropout=0.0))
    model.optimizer.learning_rate = 0.0

    x, y = data(BATCH)
    history = model.fit(x, y, batch_size=BATCH, epochs=8, verbose=0, callbacks=[callback]).history

    full = history["redundancy_penalty"][-1]
    shares = np.array(history["redundancy_penalty"]) / full
    np.testing.assert_allclose(shares, [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1], atol=1e-5)


def test_a_train_step_that_ignores_the_models_losses_is_stopped(tmp_path: Path) -> None:
    class Ignores(keras.Model):
        def train_step(self, batch: Any) -> dict[str, Any]:
            import tensorflow as tf

            x, y = batch
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((self(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    plain = network()
    model = compiled(Ignores(plain.input, plain.output))

    with pytest.raises(TrainingError, match=r"your train_step ignores model.losses"):
        fit(model, [monitor(tmp_path, redundancy_weight=0.1)])
    assert left_behind(model) == []


def test_a_train_step_of_ones_own_that_takes_model_losses_is_penalised(tmp_path: Path) -> None:
    class Takes(keras.Model):
        def train_step(self, batch: Any) -> dict[str, Any]:
            import tensorflow as tf

            x, y = batch
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((self(x, training=True) - y) ** 2) + sum(self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"total": loss}  # Keras writes its own tracker under "loss"

    plain, (x, y) = network(dropout=0.0), data(BATCH)
    tensors = [keras.Model(plain.input, plain.get_layer(name).output)(x, training=True) for name in ("relu1", "relu2")]
    plain = network(dropout=0.0)
    model = compiled(Takes(plain.input, plain.output))

    callback = monitor(tmp_path, redundancy_weight=0.5)
    history = model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[callback]).history

    penalty = float(np.mean([correlation_redundancy(tensor) for tensor in tensors]))
    assert history["redundancy_penalty"] == [pytest.approx(0.5 * penalty, rel=1e-4)]
    error = float(np.mean((network(dropout=0.0)(x, training=True) - y) ** 2))
    assert history["total"][0] == pytest.approx(error + 0.5 * penalty, rel=1e-4)


def test_one_channel_cannot_be_penalised(tmp_path: Path) -> None:
    model = compiled(network())

    with pytest.raises(ConfigError, match=r"one channel cannot repeat another; name layers .*relu2"):
        fit(model, [monitor(tmp_path, layers="output", redundancy_weight=0.1)])
    assert left_behind(model) == []


def test_a_hand_written_loop_cannot_be_penalised(tmp_path: Path) -> None:
    callback = monitor(tmp_path, redundancy_weight=0.1, validation_data=data(4)[0])
    callback.set_model(network())

    with pytest.raises(ConfigError, match="redundancy_weight needs fit"):
        callback.on_train_begin()


def test_next_fit_without_the_callback_has_no_penalty(tmp_path: Path) -> None:
    class Breaks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            raise RuntimeError("stop here")

    model, untouched = compiled(network()), compiled(network())
    with pytest.raises(RuntimeError, match="stop here"):
        fit(model, [monitor(tmp_path, redundancy_weight=1.0), Breaks()])
    with pytest.raises(RuntimeError, match="stop here"):
        fit(untouched, [Breaks()])
    untouched.set_weights(model.get_weights())
    for mine, others in zip(untouched.optimizer.variables, model.optimizer.variables, strict=True):
        mine.assign(others)

    fit(model)
    fit(untouched)

    assert fingerprint(model) == fingerprint(untouched)
    assert left_behind(model) == []
