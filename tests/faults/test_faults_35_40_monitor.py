from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.monitoring.tiny import compiled, data, fingerprint, fit, left_behind, monitor, network

from nano_u.monitoring import NASMonitorCallback


def last_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The last logged step by layer, read by a parser that refuses NaN and Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    lines = next(folder.glob("*_nas.jsonl")).read_text().splitlines()
    return {layer["layer"]: layer for layer in json.loads(lines[-1], parse_constant=refuse)["layers"]}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_35_non_finite_activations_are_reported_and_training_goes_on(tmp_path: Path, value: float) -> None:
    inputs = keras.Input((4, 4, 2))
    good = keras.layers.Conv2D(3, 1, activation="relu", name="good")(inputs)
    broken = keras.layers.ReLU(name="broken")(keras.layers.Rescaling(value, name="scale")(good))
    model = keras.Model(inputs, [keras.layers.Conv2D(1, 1)(good), broken])
    model.compile("sgd", ["mse", None], jit_compile=False)
    x = np.random.default_rng(0).normal(size=(8, 4, 4, 2))

    model.fit(x, x[..., :1], epochs=2, verbose=0, callbacks=[monitor(tmp_path, layers=["good", "broken"])])

    rows = last_rows(tmp_path)
    assert rows["good"]["status"] == "ok"
    assert rows["broken"]["status"] == "non_finite"
    assert rows["broken"]["redundancy_score"] is None
    table = list(csv.DictReader(next(tmp_path.glob("*_nas_layers.csv")).read_text().splitlines()))
    assert [row["redundancy_score"] for row in table if row["layer"] == "broken"] == ["", ""]


def test_36_dead_channels_are_counted_and_left_out_of_the_statistics(tmp_path: Path) -> None:
    model = compiled(network())
    kernel, bias = np.zeros((1, 1, 4, 1), np.float32), np.zeros(1, np.float32)
    gamma = np.array([1, 1, 0, 0], np.float32)
    layer = model.get_layer("bn2")
    layer.set_weights([gamma, np.array([0.5, 0.5, 0.7, 0], np.float32), *layer.get_weights()[2:]])
    model.get_layer("head").set_weights([kernel, bias])
    callback = monitor(tmp_path, validation_data=data(8)[0], layers=["relu2"])
    callback.set_model(model)
    callback.params = {"steps": 1}
    callback.on_train_begin()

    layers = callback.compute_redundancy()["layers"]
    callback.on_train_end()

    assert layers["relu2"]["dead_channels"] == 2
    assert layers["relu2"]["condition_number"] < 1e6
    assert layers["relu2"]["correlation_mean"] < 1


@pytest.mark.parametrize(
    ("units", "images", "status"), [(1, 8, "one_channel"), (4, 1, "insufficient")], ids=["one channel", "one sample"]
)
def test_37_one_channel_or_one_sample_has_defined_values(tmp_path: Path, units: int, images: int, status: str) -> None:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units, "relu", name="hidden"), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(images, 3))

    model.fit(x, x[:, :1], epochs=1, verbose=0, callbacks=[monitor(tmp_path, layers=["hidden"])])

    (row,) = last_rows(tmp_path).values()
    assert row["status"] == status
    assert row["reason"]
    assert row["redundancy_score"] is None


@pytest.mark.parametrize("scale", [1e25, 1e-25])
def test_38_activations_of_any_magnitude_have_the_scores_of_ordinary_ones(tmp_path: Path, scale: float) -> None:
    scores = {}
    for factor in (1.0, scale):
        keras.utils.set_random_seed(1)
        inputs = keras.Input((4, 4, 3))
        hidden = keras.layers.Conv2D(4, 1, activation="relu", name="hidden")(inputs)
        loud = keras.layers.Rescaling(factor, name="loud")(hidden)
        model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(hidden) + 0 * keras.ops.sum(loud * 0))
        model.compile("sgd", "mse", jit_compile=False)
        x = np.random.default_rng(0).normal(size=(24, 4, 4, 3))
        callback = monitor(tmp_path / str(factor), layers=["loud"], validation_data=x)
        model.fit(x, x[..., :1], epochs=1, verbose=0, callbacks=[callback])
        scores[factor] = callback.get_metrics()["layers"]["loud"]

    assert scores[scale]["redundancy"] != [None]
    assert scores[scale]["correlation_mean"] == pytest.approx(scores[1.0]["correlation_mean"], rel=1e-4)


def fails_at_second_call() -> Any:
    calls = []

    def metric(covariance: np.ndarray) -> float:
        calls.append(covariance)
        if len(calls) > 3:
            raise ZeroDivisionError("deliberate")
        return 0.0

    return metric


def test_39_a_failure_of_the_monitor_is_said_once_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone, watched = compiled(network()), compiled(network())
    fit(alone, epochs=4)
    callback = NASMonitorCallback(log_dir=tmp_path, tensorboard=False, extra_metrics={"bad": fails_at_second_call()})

    with caplog.at_level(logging.WARNING, "nano_u"):
        fit(watched, [callback], epochs=4)

    failures = [record.message for record in caplog.records if "failed and is off" in record.message]
    assert len(failures) == 1
    assert "ZeroDivisionError: deliberate" in failures[0]
    assert fingerprint(watched) == fingerprint(alone)
    assert left_behind(watched) == []
    assert len(callback.get_metrics()["epoch"]) == 1


def test_39_strict_raises_it(tmp_path: Path) -> None:
    model = compiled(network())

    with pytest.raises(ZeroDivisionError, match="deliberate"):
        fit(model, [monitor(tmp_path, extra_metrics={"bad": fails_at_second_call()})])


def test_39_a_failure_while_tracing_spares_the_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nano_u.capture import observed_step

    def fails(*args: Any, **options: Any) -> None:
        raise OSError("deliberate")

    monkeypatch.setattr(observed_step, "captured_tensors", fails)
    alone, watched = compiled(network()), compiled(network())
    fit(alone)

    with caplog.at_level(logging.WARNING, "nano_u"):
        fit(watched, [NASMonitorCallback(log_dir=tmp_path, tensorboard=False)])

    assert ["deliberate" in record.message for record in caplog.records if "is off" in record.message] == [True]
    assert fingerprint(watched) == fingerprint(alone)


def test_40_nothing_of_the_network_or_its_random_numbers_changes(tmp_path: Path) -> None:
    """Every style of model is compared in tests/monitoring/test_any_model.py; here also what follows the fit."""
    results = []
    for callbacks in ([], [monitor(tmp_path)]):
        model = compiled(network())
        fit(model, callbacks, validation_data=data(8))
        drawn = np.asarray(keras.random.uniform((3,)))
        results.append((fingerprint(model), np.random.random(), drawn.tolist()))

    assert results[0] == results[1]
