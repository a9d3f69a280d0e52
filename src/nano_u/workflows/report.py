"""The page of one run, or of several side by side, as one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.errors import NanoUError, RunError
from nano_u.runs import RunDirectory, write_text_atomic

if TYPE_CHECKING:
    from nano_u.reporting.html.comparison_report import ComparisonReport, Monitored
    from nano_u.reporting.html.run_report import RunReport
    from nano_u.workflows.comparison import Comparison

COMPARISON_FILE = Path("plots/comparison.html")
LARGEST_PAGE_BYTES = 5_000_000

Step = Callable[[str], None]


@dataclass(frozen=True)
class WrittenReport:
    """Where the page lies, its size, and what could not be read, by part."""

    path: Path
    size: int
    problems: Mapping[str, str]

    def raise_problems(self) -> None:
        """RunError with everything that was damaged; the page is there all the same, without it."""
        if self.problems:
            raise RunError(f"{self.path} was written without what is damaged: {'; '.join(self.problems.values())}")


def write_report(runs: Sequence[Path], *, output: Path | None = None, step: Step = lambda text: None) -> WrittenReport:
    """Write the page of one run (to `RUN/report.html`) or of several (to `plots/comparison.html`), or to `output`.

    Of several, those that are folders of a monitor's files and no run directories are shown over training, unranked.
    A damaged or missing part is named on the page and in `problems`, and the rest is shown.

    Raises:
        RunError: a single path is no run, or none of several can be read.
    """
    if len(runs) == 1:
        path, text, problems = _single(runs[0], output, step)
    else:
        path, text, problems = _several(runs, output, step)
    size = len(text.encode())
    if size > LARGEST_PAGE_BYTES:
        raise RunError(f"{path}: the page would have {size:,} bytes, more than {LARGEST_PAGE_BYTES:,}")
    path.parent.mkdir(parents=True, exist_ok=True)
    step("writing the page")
    write_text_atomic(path, text)
    return WrittenReport(path, size, problems)


def _single(run: Path, output: Path | None, step: Step) -> tuple[Path, str, Mapping[str, str]]:
    from nano_u.reporting.html.page import render_page
    from nano_u.reporting.html.run_files import read_run_files
    from nano_u.reporting.html.run_report import run_report

    step("reading the run")
    files = read_run_files(run)
    step("drawing")
    report = run_report(files)
    text = render_page("run.html.j2", report, sections=_run_sections(report), data=report.data)
    return output or RunDirectory(run).report_path, text, files.problems


def _several(paths: Sequence[Path], output: Path | None, step: Step) -> tuple[Path, str, Mapping[str, str]]:
    from nano_u.reporting.html.comparison_report import comparison_report
    from nano_u.reporting.html.page import render_page
    from nano_u.workflows.comparison import compare_runs, read_comparison

    step("reading the runs")
    of_monitor = {path: _is_monitor_folder(path) for path in paths}
    folders = list({path.resolve(): path for path in paths if of_monitor[path]}.values())
    ranked = [path for path in paths if not of_monitor[path]]
    comparison = read_comparison(ranked) if folders else compare_runs(ranked)
    monitored = _monitored(comparison, folders)
    left_out = {str(entry.run): entry.reason for entry in comparison.left_out}
    if not comparison.experiments and len(monitored.runs) < 2:
        raise RunError(_too_few(monitored, left_out))
    step("drawing")
    report = comparison_report(
        comparison.tables() if comparison.experiments else (),
        comparison.pareto(),
        monitored,
        names=[experiment.name for experiment in comparison.experiments],
        left_out=left_out,
        data=comparison.to_dict(),
    )
    text = render_page("comparison.html.j2", report, sections=_comparison_sections(report), data=report.data)
    return output or COMPARISON_FILE, text, {**left_out, **monitored.unread}


def _is_monitor_folder(path: Path) -> bool:
    """Whether a monitor's files lie here and no run directories."""
    from nano_u.reporting.metrics_search import was_monitored
    from nano_u.workflows.comparison import holds_runs

    return path.is_dir() and not holds_runs(path) and was_monitored(path)


def _monitored(comparison: Comparison, folders: Sequence[Path]) -> Monitored:
    """What can be read of the monitor's files of the runs compared, and of `folders`."""
    from nano_u.reporting.html.comparison_report import Monitored
    from nano_u.reporting.monitored_run import find_metrics_csv, read_monitored_run

    results = [result for experiment in comparison.experiments for result in experiment.runs]
    runs = [result.monitored for result in results if result.monitored is not None]
    unread = {str(result.run): result.monitor_problem for result in results if result.monitor_problem is not None}
    unranked = []
    for path in folders:
        try:
            runs.append(read_monitored_run(find_metrics_csv(path)))
        except NanoUError as error:
            unread[str(path)] = str(error)
        else:
            unranked.append(str(path))
    return Monitored(tuple(runs), tuple(unranked), unread)


def _too_few(monitored: Monitored, left_out: Mapping[str, str]) -> str:
    """Why nothing can be compared: no run with a rank, and fewer than two monitored ones."""
    reasons = "; ".join([*left_out.values(), *monitored.unread.values()])
    if not monitored.runs:
        return reasons
    only = f"only {monitored.unranked[0]} can be read, and a comparison needs two"
    return f"{only}; {reasons}" if reasons else only


def _run_sections(report: RunReport) -> tuple[tuple[str, str], ...]:
    sections = (
        ("advice", "Recommendations", report.recommendations),
        ("accuracy", "Accuracy", report.accuracy or report.galleries),
        ("learning", "Learning curves", report.learning),
        ("redundancy", "Redundancy", report.redundancy),
        ("shrinking", "Shrinking", report.shrink_steps),
        ("device", "On the device", report.memory or report.int8),
        ("chip", "On the chip", report.chip),
        ("provenance", "Provenance", report.facts or report.config_text),
    )
    return tuple((anchor, name) for anchor, name, part in sections if part)


def _comparison_sections(report: ComparisonReport) -> tuple[tuple[str, str], ...]:
    sections = (
        ("ranking", "Ranking", report.tables),
        ("pareto", "Accuracy against cost", report.pareto),
        ("training", "Over training", report.training),
    )
    return tuple((anchor, name) for anchor, name, part in sections if part)
