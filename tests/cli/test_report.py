from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.reporting.html.small_run import small_network, write_monitor, write_small_run

from nano_u.cli.main import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_small_run(tmp_path / "run")


def test_the_page_and_its_size_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0

    size = (run / "report.html").stat().st_size
    assert capsys.readouterr().out == f"report: {run / 'report.html'} ({size / 1e6:.1f} MB)\n"


def test_damage_is_an_error_in_one_line_after_the_page_is_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "graph.json").write_text("{")

    code = main(["report", str(run), "--output", str(tmp_path / "page.html")])

    printed = capsys.readouterr()
    (line,) = [line for line in printed.err.splitlines() if line.startswith("nano-u: error: ")]
    assert code == 1
    assert line.startswith(f"nano-u: error: {tmp_path / 'page.html'} was written without what is damaged: ")
    assert f"{run / 'graph.json'}" in line
    assert (tmp_path / "page.html").exists()
    assert "page.html" in printed.out


def test_what_is_only_missing_is_no_error(run: Path) -> None:
    shutil.rmtree(run / "export")
    (run / "metrics.json").unlink()

    assert main(["report", str(run), "--quiet"]) == 0


def test_several_runs_are_compared(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_run(tmp_path / "other")

    assert main(["report", "run", "other", "--quiet"]) == 0
    assert "Comparison of runs" in (tmp_path / "plots/comparison.html").read_text(encoding="utf-8")


def test_folders_of_a_monitors_files_are_compared_as_the_help_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write_monitor(tmp_path / "logs" / name, small_network())

    assert main(["report", "logs/a", "logs/b", "--quiet"]) == 0
    assert "Over training" in (tmp_path / "plots/comparison.html").read_text(encoding="utf-8")


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err == f"nano-u: error: {tmp_path / 'nowhere'}: no such run directory\n"


def test_an_output_that_cannot_be_written_is_named_in_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()

    assert main(["report", str(run), "--output", str(tmp_path / "folder")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"nano-u: error: {tmp_path / 'folder'}: ")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_run_whose_name_is_no_text_gets_its_page(tmp_path: Path) -> None:
    run = write_small_run(tmp_path / "run").rename(tmp_path / os.fsdecode(b"run\xff"))

    assert main(["report", str(run), "--quiet"]) == 0
    assert r"nano_u in run\udcff" in (run / "report.html").read_text(encoding="utf-8").replace("<wbr>", "")


def test_help_says_where_the_page_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "RUN/report.html" in printed
    assert "needs no network" in printed
