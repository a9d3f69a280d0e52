from __future__ import annotations

import json
from pathlib import Path

import pytest

from nano_u.errors import ModelError
from nano_u.graph.architectures import nano_u
from nano_u.graph.read import read_architecture, write_architecture


def test_a_written_record_reads_back_equal_from_the_file_and_from_its_run_directory(tmp_path: Path) -> None:
    written = nano_u(skips=True)

    write_architecture(written, tmp_path / "graph.json")

    assert read_architecture(tmp_path / "graph.json") == written
    assert read_architecture(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == ["graph.json"]


def test_writing_replaces_an_older_record(tmp_path: Path) -> None:
    write_architecture(nano_u(skips=True), tmp_path / "graph.json")
    write_architecture(nano_u(), tmp_path / "graph.json")

    assert read_architecture(tmp_path) == nano_u()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("graph.json", b"{", "not valid JSON"),
        ("graph.json", b"\xff\xfe\x00", "not valid JSON"),
        ("graph.json", b"[" * 100_000, "not valid JSON"),
        ("graph.json", b"9" * 10_000, "not valid JSON"),
        ("graph.json", b"[]", "not an architecture record"),
        ("graph.json", b'{"format": 1, "name": "x", "nodes": [], "outputs": []}', "outputs"),
        ("model.h5", b"", "neither a run directory nor"),
        ("model.keras", b"PK not really", "not a readable .keras file"),
        ("model.keras", b"", "not a readable .keras file"),
    ],
)
def test_garbage_is_refused_in_one_line_that_names_the_file(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelError, match=reason) as caught:
        read_architecture(tmp_path / name)

    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_record_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no graph\.json in it"):
        read_architecture(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.keras: no such file"):
        read_architecture(tmp_path / "nothing.keras")


def test_a_record_with_an_impossible_layer_names_the_file_and_the_layer(tmp_path: Path) -> None:
    data = nano_u().to_dict()
    data["nodes"][1]["inputs"] = ["logits"]
    (tmp_path / "graph.json").write_text(json.dumps(data))

    with pytest.raises(ModelError, match=r"graph\.json: encoder1_block1_depthwise: reads 'logits'"):
        read_architecture(tmp_path)
