from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.reporting.html.parsed_page import ParsedPage
from tests.reporting.html.small_run import small_network, write_monitor, write_small_run

from nano_u.errors import RunError
from nano_u.workflows.report import COMPARISON_FILE, LARGEST_PAGE_BYTES, write_report


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_small_run(tmp_path / "run")


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [write_small_run(tmp_path / f"run-seed{seed}", seed=seed) for seed in (1, 2)]


def test_one_run_gets_its_page_beside_its_files(tmp_path: Path) -> None:
    run = write_small_run(tmp_path / "пример")
    steps: list[str] = []

    written = write_report([run], step=steps.append)

    page = ParsedPage((run / "report.html").read_text(encoding="utf-8"))
    assert written.path == run / "report.html"
    assert written.size == written.path.stat().st_size
    assert written.problems == {}
    assert page.one("h1").text == "nano_u in пример"
    assert steps == ["reading the run", "drawing", "writing the page"]
    written.raise_problems()


def test_the_sections_of_the_bar_are_those_of_the_page(run: Path) -> None:
    shutil.rmtree(run / "export")
    (run / "history.csv").unlink()

    page = ParsedPage(write_report([run]).path.read_text(encoding="utf-8"))

    links = [(link.attributes["href"] or "", link.text) for link in page.all("a") if "nav" in link.inside]
    headings = [element.attributes["id"] for element in page.all("h2")]
    assert [href.removeprefix("#") for href, _ in links] == headings
    assert [text for _, text in links] == ["Recommendations", "Accuracy", "Redundancy", "On the device", "Provenance"]


def test_the_page_goes_where_it_is_told_to_and_nothing_else_is_written(run: Path, tmp_path: Path) -> None:
    before = sorted(run.rglob("*"))

    written = write_report([run], output=tmp_path / "new" / "page.html")

    assert written.path == tmp_path / "new" / "page.html"
    assert sorted(run.rglob("*")) == before
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_the_same_run_gives_the_same_page(run: Path) -> None:
    first = write_report([run]).path.read_bytes()

    assert write_report([run]).path.read_bytes() == first


def test_what_is_damaged_is_left_out_and_raised_only_after_the_page_is_written(run: Path) -> None:
    (run / "history.csv").write_text("epoch,iou\n1\n")

    written = write_report([run])

    assert list(written.problems) == ["learning curves"]
    assert "history.csv: line 2" in ParsedPage(written.path.read_text(encoding="utf-8")).text
    with pytest.raises(RunError, match=r"report\.html was written without what is damaged: .*history\.csv: line 2"):
        written.raise_problems()


def test_several_runs_get_one_page_that_compares_them(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    written = write_report([*runs, write_small_run(tmp_path / "other-seed1", seed=1)])

    page = ParsedPage(written.path.read_text(encoding="utf-8"))
    assert written.path == COMPARISON_FILE
    assert written.problems == {}
    assert sorted(page.table("Experiments").column("experiment")) == ["other", "run"]
    assert set(page.one("div", class_="place").text.split(", ")) == {"other", "run"}
    assert [heading.text for heading in page.all("h2")] == ["Ranking", "Accuracy against cost", "Over training"]
    links = [link.attributes["href"] for link in page.all("a") if "nav" in link.inside]
    assert links == ["#ranking", "#pareto", "#training"]


def test_a_run_that_cannot_be_compared_is_named_and_the_others_are(runs: list[Path], tmp_path: Path) -> None:
    lost = tmp_path / "lost"

    written = write_report([*runs, lost], output=tmp_path / "page.html")

    assert list(written.problems) == [str(lost)]
    assert f"{lost}: no such run directory" in ParsedPage(written.path.read_text(encoding="utf-8")).text
    with pytest.raises(RunError, match="lost: no such run directory"):
        written.raise_problems()


def test_a_damaged_monitor_leaves_the_run_in_the_ranking(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "nas/nano_u_nas_metrics.csv").write_text("epoch,step\n1\n")

    written = write_report(runs, output=tmp_path / "page.html")

    page = ParsedPage(written.path.read_text(encoding="utf-8"))
    assert list(written.problems) == [str(runs[0])]
    assert page.table("Experiments").column("runs") == ["2"]
    assert "Left out of the comparison" not in page.text
    assert "Not shown over training, the monitor's files cannot be read:" in page.text


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """Folders of a monitor's files, of trainings that made no run directory."""
    return [write_monitor(tmp_path / "logs" / name, small_network()).metrics.parent for name in "ab"]


def test_folders_of_a_monitors_files_are_compared_over_training_alone(logs: list[Path], tmp_path: Path) -> None:
    again = logs[0] / ".." / "a"

    written = write_report([*logs, again], output=tmp_path / "page.html")

    page = ParsedPage(written.path.read_text(encoding="utf-8"))
    assert written.problems == {}
    assert [heading.text for heading in page.all("h2")] == ["Over training"]
    assert [link.text for link in page.all("a") if "nav" in link.inside] == ["Over training"]
    data = json.loads(page.one("script", id_="report-data").text)
    assert sorted(run["label"] for run in data["over_training"]) == ["a (nano_u)", "b (nano_u)"]


def test_folders_among_runs_are_shown_over_training_and_named_as_not_ranked(
    runs: list[Path], logs: list[Path], tmp_path: Path
) -> None:
    written = write_report([*runs, logs[0]], output=tmp_path / "page.html")

    page = ParsedPage(written.path.read_text(encoding="utf-8"))
    assert written.problems == {}
    assert page.table("Experiments").column("experiment") == ["run"]
    assert f"Not ranked, since they are no run directories: {logs[0]}." in page.text
    assert len(json.loads(page.one("script", id_="report-data").text)["over_training"]) == 3


def test_a_damaged_folder_is_named_and_the_others_are_compared(logs: list[Path], tmp_path: Path) -> None:
    damaged = write_monitor(tmp_path / "logs" / "c", small_network()).metrics
    damaged.write_text("epoch,step\n1\n")

    written = write_report([*logs, damaged.parent, tmp_path / "gone"], output=tmp_path / "page.html")

    assert set(written.problems) == {str(damaged.parent), str(tmp_path / "gone")}
    assert "c/nano_u_nas_metrics.csv" in ParsedPage(written.path.read_text(encoding="utf-8")).text


def test_one_folder_that_can_be_read_is_no_comparison(logs: list[Path], tmp_path: Path) -> None:
    message = rf"^only {logs[0]} can be read, and a comparison needs two; .*gone: no such run directory"
    with pytest.raises(RunError, match=message):
        write_report([logs[0], tmp_path / "gone"], output=tmp_path / "page.html")
    (logs[0] / "nano_u_nas_metrics.csv").write_text("epoch")
    with pytest.raises(RunError, match=rf"^{logs[0]}"):
        write_report([logs[0], logs[0] / "."], output=tmp_path / "page.html")

    assert not (tmp_path / "page.html").exists()


def test_a_part_that_cannot_be_drawn_is_raised_only_after_the_page_is_written(run: Path) -> None:
    (run / "history.csv").write_text("epoch,learning_rate\n1,0.1\n")

    written = write_report([run])

    assert list(written.problems) == ["learning curves"]
    assert written.path.exists()


def test_runs_none_of_which_can_be_read_give_no_page(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none of the 2 runs can be compared, the first: .*a: no such run directory"):
        write_report([tmp_path / "a", tmp_path / "b"], output=tmp_path / "page.html")

    assert not (tmp_path / "page.html").exists()


def test_large_noisy_images_of_several_evaluations_leave_a_page_below_the_limit(tmp_path: Path) -> None:
    run = write_small_run(tmp_path / "run", size=(480, 640))
    for name in ("val", "test-int8", "val-int8"):
        shutil.copytree(run / "evaluation" / "test", run / "evaluation" / name)

    written = write_report([run])

    assert written.size < LARGEST_PAGE_BYTES


def test_a_run_of_thousands_of_steps_leaves_a_page_below_the_limit(run: Path) -> None:
    metrics, layers = (run / f"nas/nano_u_nas_{kind}.csv" for kind in ("metrics", "layers"))
    random = np.random.default_rng(0)
    for path in (metrics, layers):
        header, *rows = path.read_text().splitlines()
        last = [row.split(",") for row in rows if row.startswith("6,")]
        column = header.split(",").index("redundancy_score")
        lines = [header]
        for step in range(1, 3001):
            for cells in last:
                score = f"{0.4 + 0.1 * random.random():.17g}"
                lines.append(",".join([str(step), str(step), *cells[2:column], score, *cells[column + 1 :]]))
        path.write_text("\n".join([*lines, ""]))

    written = write_report([run])

    assert written.problems == {}
    assert written.size < LARGEST_PAGE_BYTES / 2


def test_a_report_needs_neither_tensorflow_nor_keras(run: Path) -> None:
    program = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from pathlib import Path; from nano_u.workflows.report import write_report\n"
        "print(write_report([Path(sys.argv[1])]).problems)"
    )

    done = subprocess.run([sys.executable, "-c", program, str(run)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "{}\n"), done.stderr
