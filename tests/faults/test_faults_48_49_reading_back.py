from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.reporting.made_run import make_record, write_records, write_run

from nano_u.errors import RunError
from nano_u.monitoring.sinks import MonitorPaths
from nano_u.reporting.monitored_run import read_monitored_run

Damage = Callable[[bytes], bytes]


@pytest.fixture
def paths(tmp_path: Path) -> MonitorPaths:
    """A run of two steps whose layers file is not looked at."""
    written = write_run(tmp_path / "nas")
    written.layers.unlink()
    return written


def last_line(change: Callable[[bytes], bytes]) -> Damage:
    def damage(content: bytes) -> bytes:
        *before, last = content.splitlines(keepends=True)
        return b"".join([*before, change(last)])

    return damage


def every_row(change: Callable[[bytes], bytes]) -> Damage:
    def damage(content: bytes) -> bytes:
        header, *rows = content.splitlines()
        return b"".join(line + b"\n" for line in (header, *map(change, rows)))

    return damage


def with_cell(column: int, cell: bytes) -> Callable[[bytes], bytes]:
    def change(line: bytes) -> bytes:
        cells = line.split(b",")
        return b",".join([*cells[:column], cell, *cells[column + 1 :]])

    return change


DAMAGES: dict[str, tuple[Damage, str]] = {
    "torn in a number": (last_line(lambda line: line[:30]), "line 3: the last line has no line end"),
    "torn after a cell": (last_line(lambda line: line[: line.index(b",", 20) + 1]), "line 3: the last line has no"),
    "torn before its line end": (last_line(lambda line: line.rstrip()), "line 3: the last line has no line end"),
    "NUL tail": (lambda content: content + bytes(4096), "line 4: NUL bytes"),
    "NUL in place of a line": (last_line(lambda line: bytes(len(line))), "line 3: NUL bytes"),
    "semicolons": (lambda content: content.replace(b",", b";"), "line 1: cells are separated by ';'"),
    "semicolons and decimal commas": (
        lambda content: content.replace(b",", b";").replace(b".", b","),
        "line 1: cells are separated by ';' instead of ','; a spreadsheet in another locale saved it",
    ),
    "a decimal comma": (last_line(with_cell(2, b'"0,5"')), "line 3: redundancy_score: '0,5' has a decimal comma"),
    "all rows one cell too long": (every_row(lambda row: row + b",7"), "line 2: 16 cells, the header has 15"),
    "all rows one cell too short": (every_row(lambda row: row[: row.rindex(b",")]), "line 2: 14 cells, the header"),
    "a step twice": (
        lambda content: content + content.splitlines(keepends=True)[-1],
        "line 4: epoch 2, step 20 is there twice",
    ),
    "an epoch twice, backwards": (
        lambda content: content + content.splitlines(keepends=True)[1],
        "line 4: epoch 1, step 10 comes after epoch 2, step 20",
    ),
    "text in a number": (last_line(with_cell(5, b"3.5 (high)")), "line 3: trace: '3.5 (high)' is not a number"),
    "NaN": (last_line(with_cell(5, b"nan")), "line 3: trace: 'nan' is no value; leave the cell empty"),
    "empty": (lambda content: b"", "line 1: the file is empty"),
    "header only": (lambda content: content.splitlines(keepends=True)[0], "line 1: only a header, no logged step"),
    "column gone": (lambda content: content.replace(b"trace", b"tr"), "line 1: missing columns trace"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_48_a_damaged_table_is_refused_with_its_line_and_a_remedy(paths: MonitorPaths, name: str) -> None:
    damage, message = DAMAGES[name]
    paths.metrics.write_bytes(damage(paths.metrics.read_bytes()))

    with pytest.raises(RunError, match=re.escape(f"{paths.metrics}: {message}")) as caught:
        read_monitored_run(paths.metrics)

    assert len(str(caught.value).splitlines()) == 1
    assert "; " in str(caught.value)


def test_48_a_byte_order_mark_is_no_part_of_the_first_column(paths: MonitorPaths) -> None:
    before = read_monitored_run(paths.metrics).steps
    paths.metrics.write_bytes(b"\xef\xbb\xbf" + paths.metrics.read_bytes())

    assert read_monitored_run(paths.metrics).steps == before


def test_48_a_torn_table_of_layers_is_refused_too(tmp_path: Path) -> None:
    paths = write_run(tmp_path / "nas")
    paths.layers.write_bytes(paths.layers.read_bytes()[:-9])

    with pytest.raises(RunError, match=r"nano_u_nas_layers\.csv: line 7: the last line has no line end"):
        read_monitored_run(paths.metrics)


def test_48_the_damage_of_one_run_does_not_touch_another(tmp_path: Path) -> None:
    names = MonitorPaths.of("net", tmp_path)
    torn, good = (write_records(names, [make_record(1, step)]) for step in (10, 20))
    torn.metrics.write_bytes(torn.metrics.read_bytes()[:-1])

    with pytest.raises(RunError, match="no line end"):
        read_monitored_run(torn.metrics)
    assert read_monitored_run(good.metrics).steps[0].step == 20


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_49_json_that_is_not_json_is_refused(paths: MonitorPaths, constant: str) -> None:
    record = json.loads(paths.run.read_text())
    record["validation_iou"][0]["iou"] = float(constant)
    paths.run.write_text(json.dumps(record))

    with pytest.raises(RunError, match=rf"nano_u_nas_run\.json: damaged or not JSON: {constant} is not JSON"):
        read_monitored_run(paths.metrics)


def test_49_an_undefined_value_is_null_in_the_file_and_none_when_read(tmp_path: Path) -> None:
    paths = write_run(tmp_path / "nas")

    steps = read_monitored_run(paths.metrics).steps

    broken = steps[0].layers[-1]
    assert (broken.status, broken.redundancy_score, broken.trace) == ("non_finite", None, None)
    assert broken.reason == "NaN, infinite or too large values in 4 of 4 channels"
    lines = [json.loads(line, parse_constant=pytest.fail) for line in paths.json_lines.read_text().splitlines()]
    assert [line["layers"][-1]["redundancy_score"] for line in lines] == [None, None]
