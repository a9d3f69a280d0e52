from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from nano_u.config.settings import to_plain
from nano_u.config.yaml_file import parse_value, read_yaml, resolve_plain
from nano_u.errors import ConfigError


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "train.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5E+2", 500.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("1e", "1e"),
        (".", "."),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    resolved = resolve_plain(text)

    assert resolved == value
    assert type(resolved) is type(value)


def test_quoted_scalars_stay_text(tmp_path: Path) -> None:
    root = read_yaml(written(tmp_path, "a: '1e-4'\nb: \"true\"\nc: |\n  12\n"))

    assert to_plain(root) == {"a": "1e-4", "b": "true", "c": "12\n"}


def test_every_value_knows_its_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "# comment\na: 1\n\nb:\n  c:\n    - 5\n    - 6\n")

    root = read_yaml(path)

    assert root.entries["a"].where == f"{path}:2"
    assert root.entries["b"].entries["c"].where == f"{path}:5"
    assert root.entries["b"].entries["c"].value[1].where == f"{path}:7"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert to_plain(read_yaml(written(tmp_path, b"\xef\xbb\xbfepochs: 3\n"))) == {"epochs": 3}


def test_a_few_aliases_are_read(tmp_path: Path) -> None:
    root = read_yaml(written(tmp_path, "a: &widths [4, 8]\nb: *widths\n"))

    assert to_plain(root) == {"a": [4, 8], "b": [4, 8]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "train.yaml: holds no settings"),
        (b"# only a comment\n", "train.yaml: holds no settings"),
        (b"- 1\n", "train.yaml:1: a configuration is a mapping"),
        (b"just words\n", "train.yaml:1: a configuration is a mapping"),
        (b"a: 1\n---\nb: 2\n", "train.yaml:2: a second YAML document"),
        (b"a: \xff\n", "train.yaml: byte 3 is not UTF-8"),
        ("a: 1".encode("utf-16"), "train.yaml: byte 0 is not UTF-8"),
        (b"a:\n\t- 1\n", "train.yaml:2: not valid YAML: a tab cannot indent"),
        (b"a: [1, 2\nb: 3\n", "train.yaml:2: not valid YAML"),
        (b"a: *nobody\n", "train.yaml:1: the alias '*nobody' has no finished anchor"),
        (b"a: &a [*a]\n", "train.yaml:1: the alias '*a' has no finished anchor"),
        (b'a: "\\UFFFFFFFF"\n', "not valid YAML"),
        (b"a: \x00\n", "train.yaml:1: not valid YAML"),
        (b"? [1]\n: 2\n", "train.yaml:1: a key must be a plain word"),
        (b"default:\n  <<: *training.standard\n", "train.yaml:2: "),
        (b"a: &a {x: 1}\nb:\n  <<: *a\n", "train.yaml:3: '<<' is not read; write 'extends: NAME'"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_the_place(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(written(tmp_path, text))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_folder_and_a_huge_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: no such file"):
        read_yaml(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    with pytest.raises(ConfigError, match="too large"):
        read_yaml(written(tmp_path, b"#" * 1_000_001))


@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!'\"|>#%?\\ \n\t\u00e91."), max_size=60))
@example("%YAML 9.9\n--- 1")
@example('"\\xzz"')
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    message = ""
    try:
        to_plain(parse_value(text, "here"))
    except ConfigError as error:
        message = str(error)

    assert message == "" or message.startswith("here: ")
    assert "\n" not in message


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(max_codepoint=0xFFFF), max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text("abc", min_size=1), children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), plain_values, max_size=4))
def test_json_reads_as_json(values: dict[str, object]) -> None:
    assert to_plain(parse_value(json.dumps(values), "here")) == values


def test_our_reading_agrees_with_pyyaml_where_the_yaml_versions_agree() -> None:
    text = "a: {b: [1, 2.5, x], c: null}\nd: >\n  two\n  lines\ne: 'it''s'\nf: \"\\u00e9\"\n"

    assert to_plain(parse_value(text, "here")) == yaml.safe_load(text)
