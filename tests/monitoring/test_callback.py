from __future__ import annotations

import csv
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.monitoring.tiny import BATCH, IMAGES, compiled, data, fingerprint, fit, left_behind, monitor, network

from nano_u.errors import ConfigError, NanoUError, RunError
from nano_u.monitoring import NASCallback, NASMonitorCallback
from nano_u.redundancy import GroupMoments, group_of_image, measure_layer


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def expected(activations: np.ndarray, capacity: int) -> float:
    """The score of `(images, height, width, channels)` activations, in float64."""
    images, channels = len(activations), activations.shape[-1]
    samples = activations.astype(np.float64).reshape(images, -1, channels)
    groups = np.array([group_of_image(index, capacity) for index in range(images)])
    moments = GroupMoments.from_samples(samples, groups)
    score = measure_layer(moments, layer="x", mode="inference", linear_input=True).redundancy_score
    assert score is not None
    return score


def activations(model: keras.Model, layer: str, x: np.ndarray, *, training: bool = False) -> np.ndarray:
    return np.asarray(keras.Model(model.input, model.get_layer(layer).output)(x, training=training))


def test_validation_pass_gives_the_scores_of_a_hand_made_probe(tmp_path: Path) -> None:
    model, x, y = compiled(network()), *data(20)
    callback = monitor(tmp_path, max_samples=16)

    fit(model, [callback], validation_data=(x, y))

    recorded = callback.get_metrics()["layers"]
    assert list(recorded) == ["relu1", "relu2"]
    for layer, lists in recorded.items():
        assert lists["redundancy"][-1] == pytest.approx(expected(activations(model, layer, x[:16]), 16), abs=1e-5)


def test_training_batches_are_observed_where_nothing_validates(tmp_path: Path) -> None:
    model = compiled(network(dropout=0.0))
    callback = monitor(tmp_path, max_samples=BATCH)
    x, y = data(BATCH)
    before = keras.models.clone_model(model)
    before.set_weights(model.get_weights())

    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, shuffle=False, callbacks=[callback])

    layer = callback.get_metrics()["layers"]["relu1"]
    seen = activations(before, "relu1", x, training=True)
    assert layer["redundancy"] == [pytest.approx(expected(seen, BATCH), abs=1e-5)]
    assert rows(tmp_path / "tiny_nas_layers.csv")[0]["mode"] == "training"


def test_an_epoch_without_validation_ends_with_its_last_images(tmp_path: Path) -> None:
    callback = monitor(tmp_path, max_samples=BATCH)

    fit(compiled(network()), [callback], epochs=1, shuffle=False)

    assert [row["images"] for row in rows(tmp_path / "tiny_nas_layers.csv")] == [str(BATCH)] * 3
    assert callback.get_metrics()["step"] == [IMAGES // BATCH]


@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 3}, {"run_eagerly": True}], ids=str)
@pytest.mark.parametrize("validates", [False, True])
def test_weights_are_byte_equal_with_and_without_the_monitor(
    tmp_path: Path, options: dict[str, Any], validates: bool
) -> None:
    validation = {"validation_data": data(10)} if validates else {}
    alone, watched = compiled(network(), **options), compiled(network(), **options)
    fit(alone, **validation)

    fit(watched, [monitor(tmp_path)], **validation)

    assert fingerprint(watched) == fingerprint(alone)
    assert left_behind(watched) == []


@pytest.mark.slow
@pytest.mark.parametrize("frequency", ["epoch", "batch"])
@pytest.mark.parametrize("validates", [False, True])
@pytest.mark.parametrize("probe", [False, True])
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"jit_compile": True, "steps_per_execution": 2}], ids=str)
def test_weights_are_byte_equal_under_xla(
    tmp_path: Path, options: dict[str, Any], probe: bool, validates: bool, frequency: str
) -> None:
    validation = {"validation_data": data(10)} if validates else {}
    alone, watched = compiled(network(), **options), compiled(network(), **options)
    fit(alone, **validation)
    images = {"validation_data": data(10)} if probe else {}

    fit(watched, [monitor(tmp_path, monitor_frequency=frequency, log_frequency=2, **images)], **validation)

    assert fingerprint(watched) == fingerprint(alone)


def test_batches_are_logged_at_every_interval_across_epochs(tmp_path: Path) -> None:
    callback = monitor(tmp_path, log_freq="batch", monitor_batch_freq=2)

    fit(compiled(network()), [callback], epochs=3)

    metrics = callback.get_metrics()
    assert metrics["step"] == [2, 4, 6, 8]
    assert metrics["epoch"] == [1, 2, 2, 3]
    assert [row["images"] for row in rows(tmp_path / "tiny_nas_layers.csv")[:3]] == [str(BATCH)] * 3


def test_one_execution_of_several_steps_is_one_window(tmp_path: Path) -> None:
    callback = monitor(tmp_path, log_freq="batch", monitor_batch_freq=2)

    fit(compiled(network(), steps_per_execution=3), [callback], epochs=2)

    assert callback.get_metrics()["step"] == [3, 6]
    assert rows(tmp_path / "tiny_nas_layers.csv")[0]["images"] == str(IMAGES)


def test_probe_images_give_inference_scores_at_every_epoch(tmp_path: Path) -> None:
    model, x = compiled(network()), data(12)[0]
    callback = monitor(tmp_path, validation_data=x, max_samples=10)

    fit(model, [callback])

    layer = callback.get_metrics()["layers"]["relu2"]
    assert layer["redundancy"][-1] == pytest.approx(expected(activations(model, "relu2", x[:10]), 10), abs=1e-5)
    assert callback.compute_redundancy()["layers"]["relu2"]["redundancy_score"] == layer["redundancy"][-1]


@pytest.mark.parametrize("form", ["array", "pair", "dataset", "generator", "batches"])
def test_probe_images_come_in_any_form(tmp_path: Path, form: str) -> None:
    x, y = data(10)
    forms: dict[str, Any] = {
        "array": x,
        "pair": (x, y),
        "dataset": tf.data.Dataset.from_tensor_slices((x, y)).batch(4),
        "generator": ((x[start : start + 4], y[start : start + 4]) for start in (0, 4, 8)),
        "batches": [(x[:4], y[:4]), (x[4:], y[4:])],
    }
    callback = monitor(tmp_path, validation_data=forms[form], layers=["relu1"], max_samples=9)

    fit(compiled(network()), [callback], epochs=1)

    (row,) = rows(tmp_path / "tiny_nas_layers.csv")
    assert (row["images"], row["samples"]) == ("9", str(9 * 64))


def test_numbers_enter_keras_logs_and_history(tmp_path: Path) -> None:
    callback = monitor(tmp_path, log_frequency=2)

    history = fit(compiled(network()), [callback], epochs=4).history

    logged = callback.get_metrics()
    assert logged["epoch"] == [2, 4]
    assert np.isnan(history["nas_redundancy"][0])
    assert history["nas_redundancy"][1:] == [logged["redundancy"][0]] * 2 + [logged["redundancy"][1]]
    assert history["nas_condition"][3] == logged["condition_number"][1]
    assert history["nas_correlation"][3] == logged["correlation_mean"][1] == logged["feature_correlation"][1]


def test_second_fit_with_the_same_callback_starts_new_files(tmp_path: Path) -> None:
    model, callback = compiled(network()), monitor(tmp_path)
    fit(model, [callback])
    first = callback.get_metrics()["redundancy"]

    fit(model, [callback], epochs=1)

    assert len(rows(tmp_path / "tiny_nas_metrics.csv")) == 2
    (row,) = rows(tmp_path / "tiny_nas_metrics-2.csv")
    assert callback.get_metrics()["redundancy"] == [float(row["redundancy_score"])]
    assert (row["epoch"], row["step"]) == ("1", str(3 * IMAGES // BATCH))
    assert len(first) == 2
    assert left_behind(model) == []


def test_second_fit_does_not_trace_again(tmp_path: Path) -> None:
    traces: list[str] = []

    class Traced(keras.Model):
        """Says when its step is traced: compiled, it runs without Python."""

        def train_step(self, data: Any) -> Any:
            traces.append("train")
            return super().train_step(data)

    plain, callback = network(), monitor(tmp_path)
    model = compiled(Traced(plain.inputs, plain.outputs, name="tiny"))
    fit(model, [callback])
    first = list(traces)

    fit(model, [callback])

    assert first
    assert traces == first


def test_resumed_training_continues_the_files(tmp_path: Path) -> None:
    model = compiled(network())
    fit(model, [monitor(tmp_path)], epochs=2)

    fit(model, [monitor(tmp_path)], epochs=4, initial_epoch=1)

    assert [row["epoch"] for row in rows(tmp_path / "tiny_nas_metrics.csv")] == ["1", "2", "3", "4"]


def test_extra_metrics_enter_files_and_records(tmp_path: Path) -> None:
    callback = monitor(tmp_path, extra_metrics={"largest_variance": lambda covariance: float(covariance.max())})

    fit(compiled(network()), [callback], epochs=1)

    layers = {row["layer"]: float(row["largest_variance"]) for row in rows(tmp_path / "tiny_nas_layers.csv")}
    record = json.loads((tmp_path / "tiny_nas.jsonl").read_text().splitlines()[0])
    assert {layer["layer"]: layer["largest_variance"] for layer in record["layers"]} == layers
    assert all(value > 0 for value in layers.values())


def test_the_model_can_be_saved_cloned_and_pickled_while_it_is_monitored(tmp_path: Path) -> None:
    class Saver(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self.model.save(tmp_path / "model.keras")
            self.clone = keras.models.clone_model(self.model)
            self.copy = pickle.loads(pickle.dumps(self.model))

    model, saver = compiled(network()), Saver()

    fit(model, [monitor(tmp_path), saver], epochs=1)

    x = data(2)[0]
    for copy in (keras.models.load_model(tmp_path / "model.keras"), saver.copy):
        np.testing.assert_array_equal(copy(x), model(x))


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_test_batch_end", "on_epoch_end"])
def test_an_exception_elsewhere_leaves_a_model_that_trains_on(tmp_path: Path, hook: str) -> None:
    class Breaks(keras.callbacks.Callback):
        pass

    def fails(self: Any, index: int, logs: dict[str, Any] | None = None) -> None:
        raise RuntimeError("stop here")

    setattr(Breaks, hook, fails)
    model, untouched = compiled(network()), compiled(network())
    with pytest.raises(RuntimeError, match="stop here"):
        fit(model, [monitor(tmp_path), Breaks()], validation_data=data(10))
    with pytest.raises(RuntimeError, match="stop here"):
        fit(untouched, [Breaks()], validation_data=data(10))

    fit(model, validation_data=data(10))
    fit(untouched, validation_data=data(10))

    assert left_behind(model) == []
    assert fingerprint(model) == fingerprint(untouched)


def test_a_loop_that_calls_the_hooks_is_monitored_with_probe_images(tmp_path: Path) -> None:
    model, (x, y) = network(), data()
    optimizer = keras.optimizers.SGD(0.1)
    callback = monitor(tmp_path, validation_data=x[:6])
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for step in range(3):
            callback.on_train_batch_begin(step)
            with tf.GradientTape() as tape:
                loss = keras.ops.mean((model(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            callback.on_train_batch_end(step)
        callback.on_epoch_end(epoch)
    callback.on_train_end()

    assert [(row["epoch"], row["step"]) for row in rows(tmp_path / "tiny_nas_metrics.csv")] == [("1", "3"), ("2", "6")]


def test_a_loop_without_probe_images_is_told_before_its_first_step(tmp_path: Path) -> None:
    callback = monitor(tmp_path)
    callback.set_model(network())

    with pytest.raises(ConfigError, match=r"nothing to observe: .* give the monitor images with validation_data"):
        callback.on_train_begin()


def test_train_on_batch_between_the_hooks_is_observed(tmp_path: Path) -> None:
    model, (x, y) = compiled(network()), data()
    callbacks = keras.callbacks.CallbackList([monitor(tmp_path)], model=model, epochs=1, steps=3)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    for step in range(3):
        callbacks.on_train_batch_begin(step)
        model.train_on_batch(x[step * 8 : step * 8 + 8], y[step * 8 : step * 8 + 8])
        callbacks.on_train_batch_end(step)
    callbacks.on_epoch_end(0, {})
    callbacks.on_train_end()

    assert [row["images"] for row in rows(tmp_path / "tiny_nas_layers.csv")] == [str(IMAGES)] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["relu9"]}, r"'tiny' has no layer 'relu9'; did you mean 'relu"),
        ({"layers": ["/decoder/"]}, r"has no layer '/decoder/'"),
        ({"layers": ["/(/"]}, r"is not a regular expression"),
        ({"validation_data": 5}, r"validation_data: expected images, \(x, y\), a Dataset or batches of them, got int"),
        ({"validation_data": np.zeros((0, 8, 8, 3))}, r"validation_data: no images in it"),
    ],
    ids=["name", "pattern", "broken pattern", "not data", "no data"],
)
def test_wrong_set_up_stops_before_the_first_epoch(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    model = compiled(network())
    before = fingerprint(model)

    with pytest.raises(NanoUError, match=message):
        fit(model, [monitor(tmp_path, **options)])

    assert fingerprint(model) == before
    assert left_behind(model) == []


def test_a_folder_that_cannot_be_made_stops_before_the_first_epoch(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = compiled(network())

    with pytest.raises(RunError, match=r"file.*cannot be written .*; choose another log_dir"):
        fit(model, [monitor(tmp_path / "file" / "nas")])


def test_nas_callback_is_the_monitor_in_batch_mode(tmp_path: Path) -> None:
    callback = NASCallback(["relu1"], log_frequency=3, output_dir=tmp_path / "nas_logs", tensorboard=False)

    fit(compiled(network()), [callback])

    assert isinstance(callback, NASMonitorCallback)
    assert callback.get_metrics()["step"] == [3, 6]
    assert (tmp_path / "nas_logs" / "tiny_nas_layers.csv").exists()


def test_a_one_channel_output_has_nulls_with_the_reason(tmp_path: Path) -> None:
    callback = monitor(tmp_path, layers="output")

    fit(compiled(network()), [callback], epochs=1)

    (row,) = rows(tmp_path / "tiny_nas_layers.csv")
    assert (row["layer"], row["status"], row["redundancy_score"]) == ("output", "one_channel", "")
    assert callback.get_metrics()["redundancy"] == [None]


def test_monitor_says_once_that_samples_are_too_few(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "relu", name="hidden"), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(12, 6))

    with caplog.at_level(logging.WARNING, "nano_u"):
        model.fit(x, x[:, :2], batch_size=12, epochs=3, verbose=0, callbacks=[monitor(tmp_path)])

    said = [record.message for record in caplog.records if "effective samples" in record.message]
    assert len(said) == 1
    assert "hidden" in said[0]
