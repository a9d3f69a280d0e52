from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.reporting import History, read_history


def written(folder: Path, text: str) -> Path:
    path = folder / "history.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_come_back_as_numbers_with_none_for_empty_and_non_finite_cells(tmp_path: Path) -> None:
    path = written(tmp_path, "epoch,loss,val_iou\n1,0.5,\n2,nan,0.25\n3,1e-4,0.75\n")

    history = read_history(path)

    assert history.epochs == (1, 2, 3)
    assert history.series == {"loss": (0.5, None, 1e-4), "val_iou": (None, 0.25, 0.75)}


def test_the_best_epoch_is_the_first_with_the_highest_value() -> None:
    history = History((1, 2, 3, 4), {"val_iou": (None, 0.7, 0.7, 0.6)})

    assert history.best_epoch("val_iou") == (2, 0.7)
    assert history.best_epoch("iou") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected a header"),
        ("loss,iou\n1,2\n", "line 1: expected a header"),
        ("epoch,loss,loss\n1,2,3\n", "distinct columns"),
        ("epoch,loss\n1,0.5\n2,0.4,9\n", "line 3: 3 fields, the header has 2"),
        ("epoch,loss\n1,0.5\n2\n", "line 3: 1 fields"),
        ("epoch,loss\n1,half\n", "line 2: loss: 'half' is not a number"),
        ("epoch,loss\n1.5,0.5\n", "whole numbers"),
        ("epoch,loss\n,0.5\n", "whole numbers"),
    ],
)
def test_damage_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        read_history(written(tmp_path, text))


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        read_history(tmp_path / "history.csv")


def test_bytes_that_are_no_text_are_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(b"epoch,loss\n1,\xff\n")

    with pytest.raises(RunError, match=r"history\.csv: not UTF-8 text; the run is damaged"):
        read_history(path)
