from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from nano_u.config import NasConfig, config_from_mapping
from nano_u.errors import ConfigError
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.workflows.nas_arguments import NasArguments


@pytest.mark.parametrize(
    ("arguments", "section"),
    [
        ({}, {}),
        ({"enable": True}, {"enabled": True}),
        ({"log_dir": Path("a") / "b", "csv_path": "c.csv"}, {"log_dir": "a/b", "csv_path": "c.csv"}),
        ({"batch_freq": 5}, {"log_freq": "batch", "monitor_batch_freq": 5}),
        ({"log_freq": "epoch", "batch_freq": 10}, {"log_freq": "epoch", "monitor_batch_freq": 10}),
        ({"batch_freq": 5, "config": {"log_freq": "epoch"}}, {"log_freq": "epoch", "monitor_batch_freq": 5}),
        ({"config": {"probe_layers": ["a"]}}, {"layers": ["a"]}),
        ({"config": NasConfig(max_samples=8), "enable": True}, {"max_samples": 8, "enabled": True}),
        ({"config": {"log_dir": Path("a")}, "log_dir": "a"}, {"log_dir": "a"}),
    ],
)
def test_what_was_said_makes_one_section(arguments: dict[str, Any], section: dict[str, Any]) -> None:
    assert NasArguments(**arguments).section() == section


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"log_dir": "a", "config": {"log_dir": "b"}}, "nas_log_dir='a' contradicts log_dir='b' of nas_config"),
        (
            {"log_freq": "epoch", "config": {"monitor_frequency": "batch"}},
            "nas_log_freq='epoch' contradicts log_freq='batch' of nas_config",
        ),
        (
            {"enable": True, "config": {"enabled": False}},
            "enable_nas_monitoring=True contradicts enabled=False of nas_config",
        ),
        ({"config": {"layers": ["a"], "probe_layers": ["b"]}}, "contradicts nas.layers"),
        ({"config": [1]}, "nas_config: should be a mapping or a NasConfig, got list"),
        ({"callback": keras.callbacks.Callback()}, "nas_callback: should be a NASMonitorCallback, got Callback"),
        (
            {"callback": NASMonitorCallback(), "log_dir": "a", "config": {}},
            "nas_callback has settings of its own; leave out nas_log_dir, nas_config or the callback",
        ),
    ],
)
def test_what_contradicts_is_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NasArguments(**arguments).section()

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [
        ({"log_dir": "a", "batch_freq": 3}, "nas_log_dir, nas_monitor_batch_freq: monitoring is off"),
        ({"config": {"layers": ["a"]}}, "nas_config: monitoring is off"),
        ({"config": {"layers": ["a"], "enabled": False}}, None),
        ({"config": {"enabled": True}, "log_dir": "a"}, None),
        ({"enable": True, "log_dir": "a"}, None),
        ({}, None),
    ],
)
def test_settings_of_a_monitor_that_is_off_are_an_error(arguments: dict[str, Any], heard: str | None) -> None:
    nas = NasArguments(**arguments)
    config = config_from_mapping({"nas": nas.section()})

    if heard is None:
        nas.check_heard(config)
        return
    with pytest.raises(ConfigError) as caught:
        nas.check_heard(config)
    assert str(caught.value) == f"{heard}; set enable_nas_monitoring=True"


def test_a_callback_is_told_in_the_configuration_as_it_is_set() -> None:
    layer = keras.layers.ReLU(name="mine")
    callback = NASMonitorCallback(
        layers=["a", layer], monitor_batch_freq=3, log_dir=Path("x"), nas_weight=0.5, max_channels=None, strict=True
    )

    nas = config_from_mapping({"nas": NasArguments(callback=callback).section()}).nas

    assert nas == NasConfig(
        enabled=True,
        layers=("a", "mine"),
        log_freq="batch",
        monitor_batch_freq=3,
        log_dir="x",
        redundancy_weight=0.5,
        max_channels=None,
        strict=True,
    )


def test_a_default_callback_is_the_default_section_turned_on() -> None:
    nas = config_from_mapping({"nas": NasArguments(callback=NASMonitorCallback(layers="a")).section()}).nas

    assert nas == NasConfig(enabled=True, layers=("a",), log_frequency=1)
