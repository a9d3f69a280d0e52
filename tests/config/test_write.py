from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nano_u.config import ExperimentConfig, config_from_mapping, config_to_yaml, load_experiment
from nano_u.config.settings import to_plain
from nano_u.config.write import to_yaml
from nano_u.config.yaml_file import parse_value

shares = st.floats(0, 1, exclude_max=True)
texts = st.text(min_size=1, max_size=12)
counts = st.integers(1, 2**31 - 1)
widths = st.lists(st.integers(1, 512), min_size=1, max_size=4)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


experiments = optional(
    model_name=texts,
    epochs=counts,
    learning_rate=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    data=st.none() | texts,
    val_fraction=st.floats(0, 0.7),
    seed=st.integers(0, 2**32 - 1),
    teacher_weights=st.none() | texts,
    alpha=shares,
    use_nas=st.booleans(),
    layers_to_monitor=st.none() | st.lists(texts, max_size=3),
    nas_frequency=st.none() | counts,
    model=optional(
        filters=st.none() | widths,
        pool_sizes=st.none() | st.lists(counts | st.tuples(counts, counts), min_size=1, max_size=3),
        skips=st.booleans(),
        upsample=st.sampled_from(["before_block", "after_pointwise"]),
    ),
    training=optional(
        loss=st.sampled_from(["bce", "bce_dice", "tversky"]),
        weight_decay=st.floats(0, 1e300),
        gradient_clip=st.none() | st.floats(1e-300, 1),
        threads=st.none() | counts,
    ),
    dataset=optional(image_suffix=st.text(max_size=5), ignore_index=st.none() | st.integers(0, 255)),
    nas=optional(
        log_dir=st.none() | texts, max_samples=counts, thresholds=optional(poor_conditioning=st.floats(1, 1e9))
    ),
)


@settings(deadline=None)
@given(experiments)
@example({"data": "1e-4"})
@example({"data": "0o17"})
@example({"data": "yes"})
@example({"data": "null"})
@example({"data": "caf\u00e9 \u2028 #x: [1] \x85\x00"})
@example({"dataset": {"group_pattern": r"^(?P<group>.*): '\d'\t$"}})
def test_a_written_experiment_reads_back_equal(values: dict[str, Any]) -> None:
    config = config_from_mapping(values)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config_to_yaml(config), encoding="utf-8")
        back = load_experiment(path)

    assert back == config
    assert config_to_yaml(back) == config_to_yaml(config)


@given(st.text())
def test_any_text_reads_back_as_itself(text: str) -> None:
    assert to_plain(parse_value(to_yaml({"key": text}), "here")) == {"key": text}


def test_every_key_is_written_and_lists_stay_on_one_line() -> None:
    config = config_from_mapping({"model": {"filters": [4, 8]}, "nas_frequency": 5})

    text = config_to_yaml(config)

    assert "  filters: [4, 8]\n" in text
    assert "  monitor_batch_freq: 5\n" in text
    assert to_plain(parse_value(text, "here")).keys() == ExperimentConfig.model_fields.keys()


@pytest.mark.parametrize(
    "override", ["use_nas=false", "nas_frequency=7", "nas.log_freq=epoch", "layers_to_monitor=[b]"]
)
def test_a_written_experiment_takes_overrides_under_either_name(tmp_path: Path, override: str) -> None:
    first = config_from_mapping({"use_nas": True, "nas_frequency": 5, "layers_to_monitor": ["a"]})
    path = tmp_path / "config.yaml"
    path.write_text(config_to_yaml(first), encoding="utf-8")

    changed = load_experiment(path, overrides=[override])

    expected = {
        "use_nas=false": (False, 5, ("a",)),
        "nas_frequency=7": (True, 7, ("a",)),
        "nas.log_freq=epoch": (True, None, ("a",)),
        "layers_to_monitor=[b]": (True, 5, ("b",)),
    }[override]
    assert (changed.use_nas, changed.nas_frequency, changed.layers_to_monitor) == expected
