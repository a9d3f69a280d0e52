from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nano_u.config import ExperimentConfig, NasConfig, config_from_mapping
from nano_u.errors import ConfigError


def test_the_defaults_are_those_of_the_contract() -> None:
    config = ExperimentConfig()

    assert (config.model_name, config.epochs, config.batch_size, config.learning_rate) == ("nano_u", 50, 16, 6e-3)
    assert (config.data, config.val_fraction, config.seed) == (None, 0.2, 0)
    assert (config.use_distillation, config.teacher_weights, config.alpha, config.temperature) == (
        False,
        None,
        0.3,
        4.0,
    )
    assert (config.use_nas, config.layers_to_monitor, config.nas_frequency) == (False, None, None)
    assert (config.debug_mode, config.verbose_logging) == (False, False)


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        ExperimentConfig().epochs = 3  # type: ignore[misc]


def test_lists_paths_and_single_names_are_accepted_from_python() -> None:
    config = config_from_mapping(
        {
            "data": Path("photos") / "road",
            "model": {"filters": [4, 8, 16], "pool_sizes": [2, 2, [3, 2]], "input_shape": [60, 80, 3]},
            "nas": {"layers": "bottleneck"},
        }
    )

    assert config.data == "photos/road"
    assert config.model.filters == (4, 8, 16)
    assert config.model.pool_sizes == (2, 2, (3, 2))
    assert config.model.input_shape == (60, 80, 3)
    assert config.nas.layers == ("bottleneck",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "50"}, "epochs: should be an integer, got '50'"),
        ({"epochs": 2.5}, "epochs: should be an integer, got 2.5"),
        ({"epochs": True}, "epochs: should be an integer, got true"),
        ({"epochs": 0}, "epochs: should be greater than or equal to 1, got 0"),
        ({"learning_rate": -1.0}, "learning_rate: should be greater than 0, got -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate: should be a finite number, got nan"),
        ({"alpha": 1.5}, "alpha: should be less than or equal to 1, got 1.5"),
        ({"use_distillation": "yes"}, "use_distillation: should be true or false, got 'yes'"),
        ({"data": 5}, "data: should be a string, got 5"),
        ({"seed": 2**32}, "seed: should be less than 4294967296, got 4294967296"),
        (
            {"training": {"loss": "bde"}},
            "training.loss: should be 'bce', 'bce_dice', 'bce_tversky', 'bce_tversky_precision', 'dice', 'tversky' or "
            "'tversky_precision'",
        ),
        ({"training": {"loss": ["bce"]}}, "training.loss: should be 'bce'"),
        ({"model": {"filters": 4}}, "model.filters: should be a list in [brackets], got 4"),
        ({"model": {"filters": []}}, "model.filters: should have at least 1 item, not 0"),
        ({"model": {"filters": [4, 0]}}, "model.filters[1]: should be greater than or equal to 1, got 0"),
        ({"model": {"input_shape": [48, 64]}}, "model.input_shape: should be a list of three integers"),
        ({"model": {"input_shape": [48, 64, "x"]}}, "model.input_shape[2]: should be an integer, got 'x'"),
        (
            {"model": {"input_shape": [48, 64, 1]}},
            "model.input_shape: images are RGB, so the third number (channels) must be 3, got [48, 64, 1]",
        ),
        ({"dataset": {"split_seed": -1}}, "dataset.split_seed: should be greater than or equal to 0, got -1"),
        ({"model": {"pool_sizes": [2, [3]]}}, "model.pool_sizes: should be a list with one positive integer or"),
        ({"model": {"pool_sizes": [2, [3, 0]]}}, "model.pool_sizes: should be a list with one positive integer or"),
        ({"model": {"pool_sizes": []}}, "model.pool_sizes: should be a list with one positive integer or"),
        ({"model": "nano_u"}, "model: should be a section with keys of its own"),
        ({"dataset": {"group_pattern": "["}}, "dataset.group_pattern: is not a regular expression"),
        ({"dataset": {"group_pattern": "(.*)_"}}, "dataset.group_pattern: needs a part named group"),
        ({"val_fraction": 0.5, "dataset": {"test_fraction": 0.5}}, "must leave images to train on, got 0.5 + 0.5"),
        ({"nas": {"thresholds": {"low_redundancy": 0.9}}}, "nas.thresholds: low_redundancy <= moderate_redundancy"),
        ({"nas": {"layers": [1]}}, "nas.layers[0]: should be a string, got 1"),
        ({"layers_to_monitr": 1}, "unknown key 'layers_to_monitr'; did you mean 'layers_to_monitor'?"),
        ({"exposure": 1.0}, "unknown key 'exposure'; did you mean 'augmentation.exposure'?"),
        ({"nas": {"laers": 1}}, "unknown key 'nas.laers'; did you mean 'layers'? (allowed: enabled, log_dir"),
        ({"loss": "bce"}, "unknown key 'loss'; did you mean 'training.loss'?"),
        ({"epochs": "a", "seed": -1, "alpha": 2}, "epochs: should be an integer, got 'a' (and 2 more wrong values)"),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_mapping(values)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_monitoring_keys_of_an_experiment_are_those_of_its_nas_section() -> None:
    config = ExperimentConfig(use_nas=True, nas_frequency=20, layers_to_monitor=["a", "b"])  # type: ignore[call-arg]

    assert config.nas == NasConfig(enabled=True, log_freq="batch", monitor_batch_freq=20, layers=("a", "b"))
    assert (config.use_nas, config.nas_frequency, config.layers_to_monitor) == (True, 20, ("a", "b"))


def test_an_unset_nas_object_does_not_contradict_the_experiment_but_a_set_one_does() -> None:
    assert ExperimentConfig(use_nas=True, nas=NasConfig(max_samples=8)).nas.max_samples == 8  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"use_nas: true contradicts nas\.enabled: false"):
        ExperimentConfig(use_nas=True, nas=NasConfig(enabled=False))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("nas", "interval"),
    [
        ({}, 1),
        ({"log_frequency": 3}, 3),
        ({"log_freq": "batch"}, 10),
        ({"log_freq": "batch", "monitor_batch_freq": 7}, 7),
        ({"monitor_frequency": "batch", "log_frequency": 4}, 4),
        ({"monitor_batch_freq": 7}, 1),
    ],
)
def test_the_interval_counts_units_of_log_freq(nas: dict[str, Any], interval: int) -> None:
    assert NasConfig(**nas).interval == interval
