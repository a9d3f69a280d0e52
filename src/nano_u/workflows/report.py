"""The page of one run, or of several side by side, as one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.errors import NanoUError, RunError
from nano_u.runs import RunDirectory, write_text_atomic

if TYPE_CHECKING:
    from nano_u.reporting.html.comparison_report import ComparisonReport
    from nano_u.reporting.html.run_report import RunReport

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


def _several(runs: Sequence[Path], output: Path | None, step: Step) -> tuple[Path, str, Mapping[str, str]]:
    from nano_u.reporting.html.comparison_report import comparison_report
    from nano_u.reporting.html.page import render_page
    from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
    from nano_u.workflows.comparison import compare_runs

    step("reading the runs")
    comparison = compare_runs(runs)
    problems = {str(entry.run): entry.reason for entry in comparison.left_out}
    monitored: list[MonitoredRun] = []
    for result in (result for experiment in comparison.experiments for result in experiment.runs):
        try:
            monitored.append(read_monitored_run(find_metrics_csv(result.run)))
        except NanoUError as error:
            if result.redundancy_score is not None or result.monitor_problem:
                problems[str(result.run)] = str(error)
    step("drawing")
    report = comparison_report(
        comparison.tables(),
        comparison.pareto(),
        monitored,
        names=[experiment.name for experiment in comparison.experiments],
        problems=problems,
        data=comparison.to_dict(),
    )
    text = render_page("comparison.html.j2", report, sections=_comparison_sections(report), data=report.data)
    return output or COMPARISON_FILE, text, problems


def _run_sections(report: RunReport) -> tuple[tuple[str, str], ...]:
    sections = (
        ("advice", "Recommendations", report.recommendations),
        ("accuracy", "Accuracy", report.accuracy or report.galleries),
        ("learning", "Learning curves", report.learning),
        ("redundancy", "Redundancy", report.redundancy),
        ("device", "On the device", report.memory or report.int8),
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
