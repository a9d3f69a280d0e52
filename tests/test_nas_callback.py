"""What the callback promises before any training: its names, their synonyms, and what it refuses."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import pytest
from tests.monitoring.tiny import compiled, fit, network

import nano_u
from nano_u import NASCallback, NASMonitorCallback
from nano_u.errors import ConfigError

PROMISED = (
    "validation_data",
    "layers",
    "monitor_frequency",
    "log_frequency",
    "log_dir",
    "csv_path",
    "redundancy_weight",
    "redundancy_warmup_steps",
    "spatial",
    "max_samples",
    "max_channels",
    "extra_metrics",
    "strict",
)


def test_both_names_are_plain_keras_callbacks_of_the_package() -> None:
    assert {"NASMonitorCallback", "NASCallback"} <= set(nano_u.__all__)
    assert issubclass(NASMonitorCallback, keras.callbacks.Callback)
    assert issubclass(NASCallback, NASMonitorCallback)


def test_arguments_stand_in_the_promised_order_and_may_all_be_left_out() -> None:
    parameters = list(inspect.signature(NASMonitorCallback.__init__).parameters.values())[1:]

    assert tuple(parameter.name for parameter in parameters[: len(PROMISED)]) == PROMISED
    assert all(parameter.default is not inspect.Parameter.empty for parameter in parameters[: len(PROMISED)])


def test_without_arguments_every_epoch_is_logged_and_nothing_is_penalised() -> None:
    options = NASMonitorCallback().options

    assert (options.frequency, options.interval, options.redundancy_weight) == ("epoch", 1, 0.0)
    assert (options.layers, options.spatial, options.max_samples, options.max_channels) == (None, "pixels", 64, 256)
    assert (options.redundancy_warmup_steps, options.strict, options.extra_metrics) == (0, False, {})


@pytest.mark.parametrize(
    ("synonym", "value", "first_name"),
    [
        ("layer_selectors", ["relu1"], "layers"),
        ("probe_layers", ["relu1"], "layers"),
        ("layers_to_monitor", ["relu1"], "layers"),
        ("log_freq", "batch", "monitor_frequency"),
        ("covariance_weight", 0.01, "redundancy_weight"),
        ("nas_weight", 0.01, "redundancy_weight"),
    ],
)
def test_a_synonym_means_what_the_first_name_means(synonym: str, value: Any, first_name: str) -> None:
    assert NASMonitorCallback(**{synonym: value}).options == NASMonitorCallback(**{first_name: value}).options
    assert NASMonitorCallback(**{synonym: value, first_name: value}).options.layers in (None, ["relu1"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"log_frequency": 3}, ("epoch", 3)),
        ({"monitor_frequency": "batch"}, ("batch", 10)),
        ({"monitor_frequency": "batch", "log_frequency": 4}, ("batch", 4)),
        ({"monitor_batch_freq": 7}, ("batch", 7)),
        ({"log_freq": "batch", "monitor_batch_freq": 7}, ("batch", 7)),
        ({"log_freq": "epoch", "monitor_batch_freq": 7}, ("epoch", 1)),
    ],
    ids=str,
)
def test_how_often_follows_from_unit_and_number(arguments: dict[str, Any], expected: tuple[str, int]) -> None:
    options = NASMonitorCallback(**arguments).options

    assert (options.frequency, options.interval) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["a"], "probe_layers": ["b"]}, r"layers=\['a'\] and probe_layers=\['b'\] are the same setting"),
        ({"monitor_frequency": "epoch", "log_freq": "batch"}, r"monitor_frequency='epoch' and log_freq='batch'"),
        ({"redundancy_weight": 0.1, "nas_weight": 0.2}, r"redundancy_weight=0.1 and nas_weight=0.2"),
        (
            {"monitor_frequency": "batch", "log_frequency": 3, "monitor_batch_freq": 7},
            r"log_frequency=3 and monitor_batch_freq=7",
        ),
        ({"monitor_frequency": "minute"}, r"monitor_frequency: must be 'epoch' or 'batch', got 'minute'"),
        ({"spatial": "max"}, r"spatial: must be 'pixels' or 'mean', got 'max'"),
        ({"log_frequency": 0}, r"log_frequency: must be at least 1, got 0"),
        ({"max_samples": 0}, r"max_samples: must be at least 1"),
        ({"max_channels": 1}, r"max_channels: must be at least 2, got 1"),
        ({"max_channels": "64"}, r"max_channels: must be a whole number, got '64'"),
        ({"max_channels": 64.5}, r"max_channels: must be a whole number, got 64\.5"),
        ({"redundancy_warmup_steps": None}, r"redundancy_warmup_steps: must be a whole number, got None"),
        ({"redundancy_warmup_steps": -1}, r"redundancy_warmup_steps: must be at least 0, got -1"),
        ({"redundancy_weight": "x"}, r"redundancy_weight: must be a number, got 'x'"),
        ({"redundancy_weight": -1.0}, r"redundancy_weight: must be zero or positive"),
        ({"extra_metrics": {"loudest": 3}}, r"extra_metrics: 'loudest' must be a function"),
        ({"layer": ["a"]}, r"has no argument 'layer' \(synonyms: "),
    ],
    ids=str,
)
def test_conflicting_or_impossible_settings_are_refused_where_they_are_given(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        NASMonitorCallback(**arguments)


def test_the_later_name_looks_at_every_tenth_batch_and_has_its_own_folder() -> None:
    options = NASCallback().options

    assert (options.frequency, options.interval, options.log_dir) == ("batch", 10, Path("nas_logs/"))


def test_metrics_are_lists_of_one_entry_per_logged_step_for_the_model_and_each_layer(tmp_path: Path) -> None:
    callback = NASMonitorCallback(log_dir=tmp_path, tensorboard=False)

    fit(compiled(network()), [callback], epochs=3)

    metrics = callback.get_metrics()
    series = {"redundancy", "correlation_mean", "correlation_std", "trace", "condition_number"}
    assert series | {"feature_correlation", "epoch", "step", "layers"} <= set(metrics)
    assert metrics["epoch"] == [1, 2, 3]
    assert {len(metrics[name]) for name in series} == {3}
    for layer in metrics["layers"].values():
        assert {len(layer[name]) for name in series} == {3}
    weighted = sum(layer["redundancy"][0] for layer in metrics["layers"].values()) / len(metrics["layers"])
    assert metrics["redundancy"][0] == pytest.approx(weighted)  # both layers have four channels


def test_there_are_no_metrics_before_training() -> None:
    assert NASMonitorCallback().get_metrics()["redundancy"] == []
    with pytest.raises(ConfigError, match="give the callback to fit first"):
        NASMonitorCallback().compute_redundancy()
