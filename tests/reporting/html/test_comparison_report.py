from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.reporting.html.parsed_page import ParsedPage

from nano_u.reporting.html.comparison_report import ComparisonReport, comparison_report
from nano_u.reporting.html.page import render_page
from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
from nano_u.reporting.pareto_figure import ParetoPoint, pareto_data
from nano_u.reporting.table import Column, Table

RANKING = Table("Experiments", (Column("experiment", align="left"), Column("val IoU")), (("a", "0.9"), ("b", "0.8")))
PARETO = pareto_data(
    [ParetoPoint("a", 0.9, None, None, 2_000), ParetoPoint("b", 0.8, None, None, 1_000)], "MACs", "validation IoU", 0.5
)


@pytest.fixture(scope="module")
def monitored(complete_run: Path) -> MonitoredRun:
    return read_monitored_run(find_metrics_csv(complete_run))


def page_of(report: ComparisonReport) -> ParsedPage:
    return ParsedPage(render_page("comparison.html.j2", report, sections=(), data=report.data))


def test_a_comparison_shows_tables_cost_and_training(monitored: MonitoredRun) -> None:
    other = dataclasses.replace(monitored, name="wider")
    data = {"experiments": [{"experiment": "a"}, {"experiment": "b"}]}

    report = comparison_report([RANKING], [PARETO], [monitored, other], names=["a", "b"], problems={}, data=data)
    page = page_of(report)

    assert page.table("Experiments").body == [["a", "0.9"], ["b", "0.8"]]
    assert [heading.text for heading in page.all("h2")] == ["Ranking", "Accuracy against cost", "Over training"]
    assert page.one("div", class_="place").text == "a, b"
    assert json.loads(page.one("script", id_="report-data").text) == data
    assert (report.problems, report.missing) == ((), ())
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


def test_without_cost_and_monitors_those_parts_are_left_out_and_named() -> None:
    report = comparison_report([RANKING], [], [], names=["a", "b"], problems={}, data={})
    page = page_of(report)

    assert (report.pareto, report.training) == (None, None)
    assert [heading.text for heading in page.all("h2")] == ["Ranking"]
    assert report.missing == ("redundancy over training: train with --enable-nas",)
    assert report.missing[0] in page.text


def test_one_monitored_run_is_no_comparison(monitored: MonitoredRun) -> None:
    report = comparison_report([RANKING], [], [monitored], names=["a", "b"], problems={}, data={})

    assert report.training is None


def test_runs_that_are_left_out_are_named_with_the_reason() -> None:
    problems = {"runs/c": "runs/c: metrics.json is missing; training has not got that far"}

    page = page_of(comparison_report([RANKING], [], [], names=["a", "b"], problems=problems, data={}))

    (notice,) = [element for element in page.all("div") if element.attributes.get("class") == "notice bad"]
    assert notice.text.startswith("Left out of the comparison:")
    assert page.all("li")[0].text == problems["runs/c"]
