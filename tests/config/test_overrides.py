from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.config.validate import text_keys
from nano_u.errors import ConfigError


def value_of(config: ExperimentConfig, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("epochs=5", 5),
        ("learning_rate=1e-4", 1e-4),
        (" training.loss = dice ", "dice"),
        ("model.filters=[8, 16]", (8, 16)),
        ("model.pool_sizes=[2, [3, 2]]", (2, (3, 2))),
        ("training.early_stopping_patience=null", None),
        ("data=my photos [2024]: a=b #1", "my photos [2024]: a=b #1"),
        ("data=007", "007"),
        ("data='quoted'", "quoted"),
        ("data=null", None),
        ("data=synthetic", "synthetic"),
        ("dataset.mask_suffix=", ""),
        ("dataset.group_pattern=[a](?P<group>.)", "[a](?P<group>.)"),
        ("nas.layers=[a, /b$/]", ("a", "/b$/")),
        ("nas.thresholds={low_redundancy: 0.1}", None),
    ],
)
def test_an_override_sets_its_key(override: str, value: object) -> None:
    config = load_experiment(None, overrides=[override])

    key = override.partition("=")[0].strip()
    if key == "nas.thresholds":
        assert config.nas.thresholds.low_redundancy == 0.1
        assert config.nas.thresholds.high_redundancy == 0.7
    else:
        assert value_of(config, key) == value


def test_of_two_overrides_the_later_wins_and_flags_win_over_both() -> None:
    overrides = ["epochs=5", "training.loss=dice", "epochs=6"]

    assert load_experiment(None, overrides=overrides).epochs == 6
    assert load_experiment(None, overrides=overrides, settings={"epochs": 7}).epochs == 7
    assert load_experiment(None, overrides=overrides, settings={"epochs": None}).epochs == 6


def test_flags_are_typed_values_by_dotted_key() -> None:
    config = load_experiment(None, settings={"data": Path("a: b"), "model.filters": [4, 8], "nas.enabled": True})

    assert (config.data, config.model.filters, config.use_nas) == ("a: b", (4, 8), True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "override 'epochs': write it as key.path=value"),
        ("=5", "override '=5': write it as key.path=value"),
        ("model..filters=5", "override 'model..filters=5': write it as key.path=value"),
        ("epochs=abc", "override 'epochs=abc': epochs: should be an integer, got 'abc'"),
        ("epoch=5", "override 'epoch=5': unknown key 'epoch'; did you mean 'epochs'?"),
        ("epochs.x=5", "override 'epochs.x=5': epochs: should be an integer, got a section of keys"),
        ("model.filters=[", "override 'model.filters=[': not valid YAML"),
        ("model.filters=!!python/name:os.system x", "the tag 'tag:yaml.org,2002:python/name:os.system' is not read"),
        (
            "use_nas=maybe",
            "override 'use_nas=maybe': nas.enabled (from 'use_nas'): should be true or false, got 'maybe'",
        ),
        ("extends=nas", "unknown key 'extends'"),
    ],
)
def test_a_wrong_override_is_quoted_in_the_message(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_experiment(None, overrides=[override])

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_overrides_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"^override 'use_nas=true': use_nas: true contradicts nas\.enabled: false"):
        load_experiment(None, overrides=["use_nas=true", "nas.enabled=false"])


def test_a_wrong_flag_is_said_to_come_from_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^command line: epochs: should be greater than or equal to 1, got 0"):
        load_experiment(None, settings={"epochs": 0})


def test_free_text_keys_are_the_paths_names_suffixes_and_patterns() -> None:
    assert text_keys() == {
        "model_name",
        "data",
        "teacher_weights",
        "dataset.image_suffix",
        "dataset.mask_suffix",
        "dataset.group_pattern",
        "nas.log_dir",
        "nas.csv_path",
    }
