"""Row 50: YAML with tags, bombs, deep nesting, duplicate keys, `1e-4` and unknown keys.

Each guard is also taken out once, to show that without it the fault would be there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nano_u.config import load_experiment, yaml_file
from nano_u.errors import ConfigError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 9)
)
DEEP = "nas: " + "[" * 3000 + "]" * 3000 + "\n"


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "train.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(f"{tmp_path}/")


def test_a_python_tag_is_refused_and_never_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    message = refusal(tmp_path, f"epochs: 5\ndata: !!python/object/apply:os.mkdir ['{marker}']\n")

    assert message.startswith("train.yaml:2: the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir' is not read")
    assert not marker.exists()


def test_the_tag_would_run_in_a_loader_that_reads_tags(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    yaml.unsafe_load(f"data: !!python/object/apply:os.mkdir ['{marker}']")

    assert marker.exists()


def test_an_alias_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    assert len(BOMB) < 600

    message = refusal(tmp_path, BOMB)

    assert message == "train.yaml:5: more than 10000 values once its aliases are expanded"


def test_the_bomb_would_expand_without_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_file, "MAX_NODES", 10**12)
    path = tmp_path / "train.yaml"
    path.write_text(BOMB, encoding="utf-8")

    root = yaml_file.read_yaml(path)

    assert len(root.entries["a8"].value) == 9
    assert root.entries["a8"].value[0] is root.entries["a8"].value[8]


def test_deep_nesting_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, DEEP) == "train.yaml:1: nested deeper than 50 levels"


def test_deep_nesting_would_overflow_without_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_file, "MAX_DEPTH", 10**6)
    path = tmp_path / "train.yaml"
    path.write_text(DEEP, encoding="utf-8")

    with pytest.raises(RecursionError):
        yaml_file.read_yaml(path)


@pytest.mark.parametrize(
    ("text", "key", "first", "second"),
    [
        ("epochs: 1\nseed: 2\nepochs: 3\n", "epochs", 1, 3),
        ("nas:\n  enabled: true\n  enabled: false\n", "enabled", 2, 3),
    ],
)
def test_a_key_given_twice_is_refused_with_both_lines(
    tmp_path: Path, text: str, key: str, first: int, second: int
) -> None:
    message = refusal(tmp_path, text)

    at = tmp_path / "train.yaml"
    assert message == f"train.yaml:{second}: key {key!r} is given twice (first at {at}:{first}); keep one"


def test_a_key_given_twice_would_be_lost_silently_by_the_plain_loader() -> None:
    assert yaml.safe_load("epochs: 1\nepochs: 3\n") == {"epochs": 3}


def test_1e_4_is_a_number_in_files_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("learning_rate: 1e-4\n", encoding="utf-8")

    assert load_experiment(path).learning_rate == 0.0001
    assert load_experiment(None, overrides=["learning_rate=5e-4"]).learning_rate == 0.0005
    assert yaml.safe_load("1e-4") == "1e-4"  # what the plain loader makes of it


def test_an_unknown_key_is_refused_with_line_and_suggestion(tmp_path: Path) -> None:
    message = refusal(tmp_path, "epochs: 5\n\nnas:\n  enabled: true\n\n  # layers to look at\n  laers: [a]\n")

    assert message.startswith(
        "train.yaml:7: unknown key 'nas.laers'; did you mean 'layers'? (allowed: enabled, log_dir, "
    )
