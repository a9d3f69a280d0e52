from __future__ import annotations

import re
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.runs import RunDirectory, create_run, open_run, write_json


def finished_run(path: Path) -> RunDirectory:
    run = create_run(path, name="nano_u")
    run.config_path.write_text("epochs: 1\n")
    write_json(run.provenance_path, {"seed": 0})
    write_json(run.metrics_path, {"iou": 0.5})
    return run


def test_the_files_of_a_run_have_the_promised_names() -> None:
    run = RunDirectory(Path("runs/x"))

    names = {
        "config.yaml": run.config_path,
        "provenance.json": run.provenance_path,
        "history.csv": run.history_path,
        "best.keras": run.best_model_path,
        "last.keras": run.last_model_path,
        "metrics.json": run.metrics_path,
        "graph.json": run.graph_path,
        "export": run.export_dir,
        "export/certificate.json": run.certificate_path,
        "evaluation/test": run.evaluation_dir("test"),
    }

    assert {name: Path("runs/x") / name for name in names} == names


def test_runs_of_the_same_second_get_different_directories(tmp_path: Path) -> None:
    paths = [create_run(name="nano_u", root=tmp_path / "runs").path for _ in range(20)]

    assert len(set(paths)) == 20
    assert all(re.fullmatch(r"\d{8}-\d{6}-nano_u(-\d+)?", path.name) for path in paths)
    assert all(path.is_dir() for path in paths)


@pytest.mark.parametrize(
    ("name", "label"), [("a/b c", "a-b-c"), ("..", "run"), ("", "run"), ("nano_u", "nano_u"), ("straße", "straße")]
)
def test_a_name_never_leaves_the_root(tmp_path: Path, name: str, label: str) -> None:
    path = create_run(name=name, root=tmp_path).path

    assert path.parent == tmp_path
    assert path.name.split("-", 2)[2] == label


def test_an_explicit_path_is_made_with_its_parents(tmp_path: Path) -> None:
    assert create_run(tmp_path / "a" / "b", name="x").path == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_a_finished_run_is_never_written_over(tmp_path: Path) -> None:
    finished_run(tmp_path / "run")

    with pytest.raises(RunError, match="holds a finished run; choose another run directory or remove this one"):
        create_run(tmp_path / "run", name="x")


def test_the_model_of_an_interrupted_run_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "best.keras").write_bytes(b"model")

    with pytest.raises(RunError, match=r"model of an unfinished run \(best\.keras\)"):
        create_run(tmp_path, name="x")


def test_a_run_that_failed_before_its_first_model_can_be_repeated(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", name="x")
    run.config_path.write_text("epochs: 1\n")
    write_json(run.provenance_path, {})
    (run.path / ".best.1-abc.tmp.keras").write_bytes(b"left by kill -9")

    assert create_run(tmp_path / "run", name="x") == run


def test_a_folder_with_other_files_is_refused_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")

    with pytest.raises(RunError, match=r"not empty \(thesis\.tex\)"):
        create_run(tmp_path, name="x")


def test_a_file_in_the_place_of_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")

    with pytest.raises(RunError, match="not a directory"):
        create_run(tmp_path / "run", name="x")
    with pytest.raises(RunError, match="not a directory"):
        create_run(tmp_path / "run" / "deeper", name="x")
    with pytest.raises(RunError, match="a file, not a run directory"):
        open_run(tmp_path / "run")


def test_a_run_is_opened_again(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")

    assert open_run(tmp_path / "run") == run
    assert run.is_finished


def test_a_missing_run_is_named_with_similar_ones(tmp_path: Path) -> None:
    finished_run(tmp_path / "camvid")

    with pytest.raises(RunError, match=r"camvit: no such run directory; did you mean .*camvid\?"):
        open_run(tmp_path / "camvit")
    with pytest.raises(RunError, match=r"no such run directory$"):
        open_run(tmp_path / "nowhere" / "run")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"not a run directory \(no config\.yaml\)"):
        open_run(tmp_path)


def test_a_run_with_damaged_records_is_refused_by_file(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")

    run.metrics_path.write_text('{"iou": 0.')
    with pytest.raises(RunError, match=r"metrics\.json: damaged"):
        open_run(run.path)

    run.config_path.write_text("")
    with pytest.raises(RunError, match=r"config\.yaml: empty"):
        open_run(run.path)


def test_a_missing_file_of_a_run_is_named_when_required(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", name="x")

    with pytest.raises(RunError, match=r"best\.keras is missing; training has not got that far"):
        run.require(run.best_model_path)

    run.best_model_path.write_bytes(b"model")
    assert run.require(run.best_model_path) == run.best_model_path
