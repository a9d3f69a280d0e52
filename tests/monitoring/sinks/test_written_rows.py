from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.errors import RunError
from nano_u.monitoring.sinks.csv_file import csv_text
from nano_u.monitoring.sinks.written_rows import WrittenRow, read_csv_rows, read_json_lines

HEADER = csv_text([("epoch", "step", "layer")])
CELLS = st.text(st.sampled_from('a,"\n\r\x0b\u2028ü '), max_size=8)


@given(names=st.lists(CELLS, min_size=1, max_size=5), data=st.data())
def test_cutting_a_file_anywhere_costs_the_torn_row_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.csv"
    texts = [csv_text([(1, step, name)]) for step, name in enumerate(names)]
    whole = HEADER + "".join(texts)
    end = data.draw(st.integers(len(HEADER.encode()), len(whole.encode())))
    path.write_bytes(whole.encode()[:end])

    rows = read_csv_rows(path, ["layer"])

    ends = [len((HEADER + "".join(texts[: number + 1])).encode()) for number in range(len(texts))]
    expected = [WrittenRow((1, step), text) for step, text in enumerate(texts) if ends[step] <= end]
    assert rows == expected


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_csv_rows(tmp_path / "x.csv", ["layer"]) == []
    assert read_json_lines(tmp_path / "x.jsonl") == []


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1,2\n", r"line 3: damaged \(2 cells instead of 3\)"),
        ("1,2,a,b\n", r"line 3: damaged \(4 cells instead of 3\)"),
        ("one,2,a\n", r"line 3: damaged \(epoch 'one' and step '2' are not whole numbers\)"),
        ("1,2.5,a\n", r"line 3: damaged \(epoch '1' and step '2.5' are not whole numbers\)"),
        ('1,2,"a"b\n', r"line 3: damaged \("),
    ],
)
def test_damage_before_the_end_is_named_with_its_line(tmp_path: Path, row: str, what: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(HEADER + "1,1,a\n" + row + "1,3,c\n")

    with pytest.raises(RunError, match=rf"x\.csv, {what}"):
        read_csv_rows(path, ["layer"])


@pytest.mark.parametrize("line", ["", "{", "[]", "1", '{"epoch": 1}', '{"epoch": 1, "step": null, "layers": []}'])
def test_a_line_that_is_no_step_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    good = '{"epoch": 1, "step": 1, "layers": []}\n'
    path.write_text(good + line + "\n" + good)

    with pytest.raises(RunError, match=r"x\.jsonl, line 2: damaged"):
        read_json_lines(path)


@pytest.mark.parametrize(
    ("header", "difference"),
    [
        ("epoch,step\n", "lacks 'layer'"),
        ("epoch,step,layer,old\n", "has 'old'"),
        ("epoch,step,mine\n", "lacks 'layer', has 'mine'"),
        ("step,epoch,layer\n", "in another order"),
        ("\ufeffepoch,step,layer\n", r"lacks 'epoch', has '\\ufeffepoch'"),
    ],
)
def test_other_columns_are_named(tmp_path: Path, header: str, difference: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(header)

    with pytest.raises(RunError, match=rf"x\.csv: cannot be continued with other columns \({difference}\)"):
        read_csv_rows(path, ["layer"])
