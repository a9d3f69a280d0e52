from __future__ import annotations

import json
from pathlib import Path

import pytest

from nano_u.cli.main import main


def test_a_sound_dataset_prints_its_table_and_exits_0(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tiny_dataset)]) == 0

    output = capsys.readouterr().out
    # How many words fit on a line hangs on the folder's name, which pytest chooses.
    assert "20 pairs in split folders; masks: 8-bit 0/255 (20)" in " ".join(output.split())
    assert "trainA" in output
    assert "all 2 groups" in output
    assert "train/img/trainA_000.png with train/mask/trainA_000.png" in output
    assert output.splitlines()[-1] == "0 errors, 0 warnings: ready to train"


def test_errors_are_listed_and_the_exit_code_is_1(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny_dataset / "train" / "img" / "trainA_001.png").write_bytes(b"")

    assert main(["doctor", str(tiny_dataset)]) == 1

    captured = capsys.readouterr()
    assert "  error  train/img/trainA_001.png: is empty (0 bytes)" in captured.out
    assert captured.out.splitlines()[-1] == "1 error, 0 warnings: not usable until the errors are mended"
    assert captured.err == ""


def test_json_is_the_whole_report_and_nothing_else(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tiny_dataset), "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["pairs"] == 20
    assert report["findings"][0]["level"] == "note"


def test_the_options_reach_the_dataset(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tiny_dataset / "train" / "mask").iterdir():
        path.rename(path.with_stem(f"{path.stem}_L"))
    (tiny_dataset / "train" / "mask" / "trainA_000_L.png").unlink()

    arguments = ["--mask-suffix", "_L", "--allow-unpaired", "--group-pattern", r"^(?P<group>[a-z]+)", "--json"]

    assert main(["doctor", str(tiny_dataset / "train"), *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pairs"] == 11
    assert {row["group"] for row in report["rows"]} == {"train", None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "nano-u: error: gone: no such folder"),
        (["--group-pattern", "(", "gone"], "group_pattern"),
        (["--ignore-index", "-1", "gone"], "ignore_index"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *arguments]) != 0

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_names_are_never_read_as_markup(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tiny_dataset.rename(tiny_dataset.with_name("run[1]"))
    for kind in ("img", "mask"):
        (root / "val" / kind / "valA_000.png").rename(root / "val" / kind / "[red]x[_1.png")
    (root / "val" / "img" / "[red]x[_1.png").write_bytes(b"")

    assert main(["doctor", str(root)]) == 1

    output = capsys.readouterr().out
    assert "run[1]: 20 pairs" in " ".join(output.split())  # a long folder name wraps
    assert "val/img/[red]x[_1.png: is empty" in output
