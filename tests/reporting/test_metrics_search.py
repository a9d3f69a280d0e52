from __future__ import annotations

import re
from pathlib import Path

import pytest

from nano_u.errors import RunError
from nano_u.reporting.metrics_search import find_metrics_csv, was_monitored


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["net_nas_metrics.csv", "net_nas_layers.csv"], "net_nas_metrics.csv"),
        (["nas/net_nas_metrics.csv", "nas/net_nas_layers.csv", "history.csv"], "nas/net_nas_metrics.csv"),
        ([f"nas/net_nas_metrics{n}.csv" for n in ("-2", "", "-10", "-9")], "nas/net_nas_metrics-10.csv"),
        (["a.csv", "a_layers.csv", "a_run.json", "notes.csv"], "a.csv"),
        (["a.csv", "a_run.json", "a-2.csv", "a_run-2.json"], "a-2.csv"),
        (["a-2.csv", "a-2_run.json"], "a-2.csv"),
        (["net_nas_metrics.csv/x", "b_nas_metrics.csv"], "b_nas_metrics.csv"),
        (["net_nas_metrics.csv.tmp", ".net_nas_metrics.1.tmp.csv", "b_nas_metrics.csv"], "b_nas_metrics.csv"),
    ],
    ids=[
        "in the folder",
        "in a run directory",
        "the newest number as a number",
        "a name given by the user",
        "such a name with a number",
        "such a name that ends like a number",
        "not a folder",
        "not a file being written",
    ],
)
def test_the_metrics_of_a_folder_are_found(tmp_path: Path, files: list[str], found: str) -> None:
    touch(tmp_path, *files)

    assert find_metrics_csv(tmp_path) == tmp_path / found


def test_a_file_is_taken_as_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path, "whatever.txt", "net_nas_metrics.csv", "net_nas_metrics-2.csv")

    for name in ("whatever.txt", "net_nas_metrics.csv"):
        assert find_metrics_csv(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a_nas_metrics.csv", "b_nas_metrics.csv"], "a_nas_metrics.csv, b_nas_metrics.csv"),
        (["a_nas_metrics-2.csv", "b_nas_metrics.csv"], "a_nas_metrics-2.csv, b_nas_metrics.csv"),
        (["nas/a_nas_metrics.csv", "a_nas_metrics.csv"], "nas/a_nas_metrics.csv, a_nas_metrics.csv"),
        (["a.csv", "a_run.json", "a-1.csv", "a-1_run.json"], "a-1.csv, a.csv"),
        (["a-2.csv", "a-2_run.json", "a-3.csv", "a-3_run.json"], "a-2.csv, a-3.csv"),
    ],
)
def test_metrics_of_two_models_are_listed_and_not_chosen_from(tmp_path: Path, files: list[str], names: str) -> None:
    touch(tmp_path, *files)

    with pytest.raises(RunError, match=re.escape(f"{tmp_path}: holds metrics of 2 models ({names}); name one")):
        find_metrics_csv(tmp_path)


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ([], "nothing"),
        (["history.csv", "nas/graph.json"], "history.csv, nas/"),
        ([f"{n}.csv" for n in range(10)], "0.csv, 1.csv, 2.csv, 3.csv, 4.csv, 5.csv, 6.csv, 7.csv, 2 more"),
    ],
)
def test_a_folder_without_metrics_is_told_with_what_it_holds(tmp_path: Path, files: list[str], there: str) -> None:
    touch(tmp_path, *files)

    message = f"{tmp_path}: no metrics CSV of a monitor in it (there: {there}); train with --enable-nas"
    with pytest.raises(RunError, match=re.escape(message)):
        find_metrics_csv(tmp_path)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "no such file or folder"), (tmp_path / ("x" * 300), "")):
        with pytest.raises(RunError, match=re.escape(f"{path}: {reason}")):
            find_metrics_csv(path)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["nas/net_nas_metrics.csv"], True),
        (["nas/mine.csv", "nas/mine_run.json"], True),
        (["net_nas_metrics.csv"], True),
        (["nas/notes.txt"], True),
        (["a_nas_metrics.csv", "b_nas_metrics.csv"], True),
        (["history.csv", "metrics.json"], False),
        ([], False),
    ],
    ids=["in a run", "a name given by the user", "in the folder", "lost", "two models", "another run", "empty"],
)
def test_a_folder_is_monitored_where_a_monitor_wrote(tmp_path: Path, files: list[str], expected: bool) -> None:
    touch(tmp_path, *files)

    assert was_monitored(tmp_path) is expected


def test_an_empty_folder_of_a_monitor_is_no_monitoring(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()

    assert not was_monitored(tmp_path)
