"""The monitor among other callbacks, other monitors and other runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.monitoring.tiny import compiled, data, fit, left_behind, monitor, network

import nano_u
from nano_u.errors import ConfigError, DataError
from nano_u.losses import correlation_redundancy
from nano_u.monitoring import NASCallback


class TrainsBetween(keras.callbacks.Callback):
    """Runs a step of its own inside somebody else's fit."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        x, y = data(4)
        self.model.train_on_batch(x, y)


@pytest.mark.parametrize("validates", [False, True])
def test_a_step_of_another_callback_takes_neither_penalty_nor_monitor_away(tmp_path: Path, validates: bool) -> None:
    model = compiled(network())
    validation = {"validation_data": data(8)} if validates else {}

    history = fit(model, [monitor(tmp_path, redundancy_weight=0.1), TrainsBetween()], **validation).history

    assert len(history["redundancy_penalty"]) == 2
    assert all(np.isfinite(history["nas_redundancy"]))
    assert left_behind(model) == []


def test_penalty_of_a_channels_first_layer_is_that_of_its_channels(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((3, 6, 10))
    hidden = keras.layers.Dense(10, name="wide")(inputs)
    normal = keras.layers.BatchNormalization(axis=1, name="norm")(hidden)
    normal.data_format = None
    shown = keras.layers.MaxPooling2D(1, data_format="channels_first", name="pool")(normal)
    model = keras.Model(inputs, keras.layers.Flatten(data_format="channels_first")(shown))
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(8, 3, 6, 10)).astype(np.float32)
    pooled = keras.Model(inputs, shown)(x, training=True)

    options = {"layers": ["pool"], "redundancy_weight": 1.0}
    history = model.fit(x, x.reshape(8, -1), batch_size=8, verbose=0, callbacks=[monitor(tmp_path, **options)]).history

    expected = float(correlation_redundancy(pooled, data_format="channels_first"))
    assert history["redundancy_penalty"] == [pytest.approx(expected, rel=1e-4)]


class Unbuilt(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="unbuilt")
        self.hidden = keras.layers.Dense(4, activation="relu", name="hidden")
        self.last = keras.layers.Dense(1, name="last")

    def call(self, x: Any) -> Any:
        return self.last(self.hidden(x))


def test_a_model_that_was_not_built_at_first_is_described_and_resumed(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    model = compiled(Unbuilt())
    model.fit(x, x[:, :1] > 0, epochs=1, verbose=0, callbacks=[monitor(tmp_path)])

    model.fit(x, x[:, :1] > 0, initial_epoch=1, epochs=2, verbose=0, callbacks=[monitor(tmp_path)])

    run = json.loads((tmp_path / "unbuilt_nas_run.json").read_text())
    assert (run["parameters"], run["macs"]) == (21, 16)
    assert (tmp_path / "graph.json").exists()
    assert len((tmp_path / "unbuilt_nas_metrics.csv").read_text().splitlines()) == 3


def test_an_unknown_layer_of_a_model_that_is_not_built_stops_before_the_first_epoch(tmp_path: Path) -> None:
    x = np.zeros((8, 3), np.float32)

    with pytest.raises(ConfigError, match="has no layer 'hiden'; did you mean 'hidden'"):
        compiled(Unbuilt()).fit(x, x[:, :1], verbose=0, callbacks=[monitor(tmp_path, layers=["hiden"])])


def test_probe_images_that_the_model_cannot_take_stop_before_the_first_epoch(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot run on inputs of shape"):
        fit(compiled(network()), [monitor(tmp_path, validation_data=np.zeros((8, 8, 8, 4), np.float32))])


def test_two_monitors_of_one_fit_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two redundancy monitors in one fit"):
        fit(compiled(network()), [monitor(tmp_path / "a"), monitor(tmp_path / "b")])


def test_a_monitor_with_probe_images_goes_with_another(tmp_path: Path) -> None:
    first, second = monitor(tmp_path / "a"), monitor(tmp_path / "b", validation_data=data(8)[0])

    fit(compiled(network()), [first, second])

    assert len(first.records) == len(second.records) == 2


def test_graph_of_another_network_in_the_folder_is_kept(tmp_path: Path) -> None:
    x = np.zeros((8, 3), np.float32)
    for name in ("one", "two"):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "relu", name=name)], name=name)
        model.compile("sgd", "mse", jit_compile=False)
        model.fit(x, x[:, :2], verbose=0, callbacks=[monitor(tmp_path)])

    assert json.loads((tmp_path / "graph.json").read_text())["name"] == "one"
    assert json.loads((tmp_path / "two_nas_graph.json").read_text())["name"] == "two"


@pytest.mark.parametrize(
    ("options", "frequency", "interval"),
    [
        ({}, "batch", 10),
        ({"monitor_batch_freq": 5}, "batch", 5),
        ({"log_frequency": 3}, "batch", 3),
        ({"log_freq": "epoch", "log_frequency": 2}, "epoch", 2),
        ({"layers": ["relu1"], "log_dir": "elsewhere"}, "batch", 10),
    ],
    ids=str,
)
def test_later_name_takes_every_argument_of_the_first(options: dict[str, Any], frequency: str, interval: int) -> None:
    callback = NASCallback(**options)

    assert (callback.options.frequency, callback.options.interval) == (frequency, interval)
    assert str(callback.options.log_dir) == options.get("log_dir", "nas_logs")


@pytest.mark.parametrize("name", ["log_frequency", "max_samples"])
def test_numbers_of_things_are_whole(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: must be a whole number, got 2.5"):
        monitor(Path(), **{name: 2.5})


def test_a_folder_is_no_csv_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"csv_path: .* is a folder"):
        fit(compiled(network()), [monitor(tmp_path, csv_path=tmp_path)])


def test_the_source_documents_name_of_collapse_spatial_is_there() -> None:
    assert nano_u._collapse_spatial_to_channels(np.ones((2, 3, 3, 4)), "channels_last").shape == (2, 4)
