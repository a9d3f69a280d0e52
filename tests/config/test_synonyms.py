from __future__ import annotations

from typing import Any

import pytest

from nano_u.config import config_from_mapping
from nano_u.config.settings import EMPTY, from_plain, to_plain
from nano_u.config.synonyms import combine
from nano_u.errors import ConfigError


@pytest.mark.parametrize("name", ["layers", "layer_selectors", "probe_layers", "layers_to_monitor"])
def test_every_name_for_the_layers_selects_them(name: str) -> None:
    assert config_from_mapping({"nas": {name: ["a", "b"]}}).nas.layers == ("a", "b")


@pytest.mark.parametrize("name", ["redundancy_weight", "covariance_weight", "nas_weight"])
def test_every_name_for_the_penalty_sets_it(name: str) -> None:
    assert config_from_mapping({"nas": {name: 0.01}}).nas.redundancy_weight == 0.01


def test_names_that_agree_are_no_conflict() -> None:
    config = config_from_mapping(
        {
            "use_nas": True,
            "layers_to_monitor": "a",
            "nas_frequency": 5,
            "nas": {"enabled": True, "layers": ["a"], "log_freq": "batch", "log_frequency": 5, "covariance_weight": 0},
        }
    )

    assert config.nas.enabled
    assert config.nas.interval == 5
    assert config.nas.layers == ("a",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"use_nas": True, "nas": {"enabled": False}}, "use_nas: true contradicts nas.enabled: false"),
        (
            {"layers_to_monitor": ["a"], "nas": {"layers": ["b"]}},
            "layers_to_monitor: ['a'] contradicts nas.layers: ['b']",
        ),
        (
            {"nas_frequency": 5, "nas": {"log_freq": "epoch"}},
            "nas_frequency: 'batch' contradicts nas.log_freq: 'epoch'",
        ),
        (
            {"nas_frequency": 5, "nas": {"monitor_batch_freq": 6}},
            "nas_frequency: 5 contradicts nas.monitor_batch_freq: 6",
        ),
        ({"nas_frequency": 5, "nas": {"log_frequency": 6}}, "nas.log_frequency: 6 contradicts nas_frequency: 5"),
        (
            {"nas": {"log_freq": "batch", "log_frequency": 3, "monitor_batch_freq": 4}},
            "nas.log_frequency: 3 contradicts nas.monitor_batch_freq: 4",
        ),
        ({"nas": {"layers": ["a"], "probe_layers": ["b"]}}, "nas.probe_layers: ['b'] contradicts nas.layers: ['a']"),
        ({"nas": {"nas_weight": 0.1, "covariance_weight": 0.2}}, "contradicts"),
        ({"nas": {"log_freq": "epoch", "monitor_frequency": "batch"}}, "contradicts nas.log_freq: 'epoch'"),
    ],
)
def test_names_that_disagree_in_one_place_are_an_error(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_mapping(values)

    assert message in str(caught.value)
    assert str(caught.value).endswith("; keep one of them")


def layered(*layers: dict[str, Any]) -> Any:
    settings = EMPTY
    for layer in layers:
        settings = combine(settings, from_plain(layer))
    return to_plain(settings)["nas"]


def test_a_higher_layer_wins_under_whatever_name() -> None:
    assert layered({"nas": {"enabled": False, "layers": ["a"]}}, {"use_nas": True, "layers_to_monitor": ["b"]}) == {
        "enabled": True,
        "layers": ["b"],
    }


def test_a_null_synonym_says_nothing() -> None:
    assert layered({"nas": {"enabled": True}}, {"use_nas": None, "nas_frequency": None}) == {"enabled": True}


@pytest.mark.parametrize(
    ("layers", "nas"),
    [
        (
            [{"nas": {"log_freq": "batch", "monitor_batch_freq": 10}}, {"nas": {"log_frequency": 5}}],
            {"log_freq": "batch", "monitor_batch_freq": 5},
        ),
        (
            [
                {"nas": {"log_freq": "epoch", "log_frequency": 2, "monitor_batch_freq": 10}},
                {"nas": {"log_freq": "batch"}},
            ],
            {"log_freq": "batch", "monitor_batch_freq": 10},
        ),
        (
            [{"nas": {"log_frequency": 2}}, {"nas": {"log_freq": "batch"}}],
            {"log_freq": "batch", "monitor_batch_freq": 2},
        ),
        (
            [{"nas_frequency": 20}, {"nas": {"log_freq": "epoch", "log_frequency": 3}}],
            {"log_freq": "epoch", "monitor_batch_freq": 20, "log_frequency": 3},
        ),
    ],
)
def test_the_interval_of_the_highest_layer_that_gives_one_holds(
    layers: list[dict[str, Any]], nas: dict[str, Any]
) -> None:
    assert layered(*layers) == nas
