from __future__ import annotations

import logging
from pathlib import Path

import pytest

from nano_u.config import config_from_mapping
from nano_u.errors import ConfigError
from nano_u.models import create_nano_u
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.runs import RunDirectory
from nano_u.workflows.monitoring import check_layers, monitor_of, monitoring, summed_up


class Stopped(NASMonitorCallback):
    """Counts how often it was stopped."""

    stops = 0

    def on_train_end(self, logs: dict[str, object] | None = None) -> None:
        self.stops += 1
        super().on_train_end(logs)


def test_every_key_of_the_section_reaches_the_callback(tmp_path: Path) -> None:
    nas = {
        "enabled": True,
        "log_dir": "logs",
        "csv_path": "mine.csv",
        "log_freq": "batch",
        "monitor_batch_freq": 7,
        "layers": ["output"],
        "redundancy_weight": 0.25,
        "redundancy_warmup_steps": 3,
        "max_samples": 5,
        "max_channels": None,
        "strict": True,
        "tensorboard": False,
        "spatial": "mean",
    }

    options = monitor_of(config_from_mapping({"nas": nas, "seed": 4}), RunDirectory(tmp_path)).options

    assert (options.log_dir, options.csv_path) == (Path("logs"), Path("mine.csv"))
    assert (options.frequency, options.interval) == ("batch", 7)
    assert options.layers == ("output",)
    assert (options.redundancy_weight, options.redundancy_warmup_steps) == (0.25, 3)
    assert (options.max_samples, options.max_channels, options.spatial) == (5, None, "mean")
    assert (options.strict, options.tensorboard) == (True, False)


def test_the_defaults_of_the_section_are_those_of_the_callback(tmp_path: Path) -> None:
    assert monitor_of(config_from_mapping({}), RunDirectory(tmp_path)).options == NASMonitorCallback().options


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_a_ready_callback_writes_into_the_run_unless_it_names_a_folder_and_is_left_as_it_was(
    given: str | None, tmp_path: Path
) -> None:
    ready = Stopped(log_dir=given)
    before = ready.options

    with monitoring(config_from_mapping({}), RunDirectory(tmp_path), ready) as monitor:
        assert monitor is ready
        assert ready.options.log_dir == (tmp_path / "nas" if given is None else Path(given))

    assert ready.options is before


def test_the_files_are_closed_where_training_fails(tmp_path: Path) -> None:
    ready = Stopped()

    with pytest.raises(ZeroDivisionError), monitoring(config_from_mapping({}), RunDirectory(tmp_path), ready):
        raise ZeroDivisionError

    assert ready.stops == 1


def test_a_penalty_that_is_off_with_its_monitor_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_from_mapping({"nas": {"redundancy_weight": 0.5}})

    with monitoring(config, RunDirectory(tmp_path)) as monitor:
        assert monitor is None

    assert [record.getMessage() for record in caplog.records] == [
        "monitoring is off, and with it nas.redundancy_weight 0.5"
    ]


@pytest.mark.parametrize(
    ("nas", "every"), [({"log_freq": "batch", "monitor_batch_freq": 9}, "9 batches"), ({}, "epoch")]
)
def test_a_monitor_that_never_looked_is_said(
    nas: dict[str, object], every: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_from_mapping({"nas": {"enabled": True, **nas}})
    caplog.set_level(logging.WARNING, logger="nano_u")

    with monitoring(config, RunDirectory(tmp_path)) as monitor:
        assert summed_up(monitor) is None

    assert [record.getMessage() for record in caplog.records] == [
        f"the redundancy monitor logged nothing (it was to look every {every})"
    ]


def test_an_unknown_layer_is_an_error_only_where_it_would_be_monitored() -> None:
    model = create_nano_u((16, 16, 3), filters=[2], bottleneck=3)
    off = config_from_mapping({"nas": {"layers": ["botleneck"]}})
    on = config_from_mapping({"nas": {"layers": ["botleneck"], "enabled": True}})

    check_layers(off, model)
    check_layers(on, model, NASMonitorCallback(layers="bottleneck"))
    with pytest.raises(ConfigError, match="has no layer 'botleneck'; did you mean 'bottleneck'"):
        check_layers(on, model)
    with pytest.raises(ConfigError, match="has no layer 'nothing'"):
        check_layers(off, model, NASMonitorCallback(layers="nothing"))
