from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.reporting.html.parsed_page import ParsedPage

from nano_u.reporting.html.comparison_report import ComparisonReport, Monitored, comparison_report
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

    report = comparison_report(
        [RANKING], [PARETO], Monitored((monitored, other)), names=["a", "b"], left_out={}, data=data
    )
    page = page_of(report)

    assert page.table("Experiments").body == [["a", "0.9"], ["b", "0.8"]]
    assert [heading.text for heading in page.all("h2")] == ["Ranking", "Accuracy against cost", "Over training"]
    assert page.one("div", class_="place").text == "a, b"
    saved = json.loads(page.one("script", id_="report-data").text)
    assert {key: saved[key] for key in data} == data
    assert [run["label"] for run in saved["over_training"]] == ["nano_u", "wider"]
    assert saved["over_training"][0]["redundancy"] == [step.redundancy_score for step in monitored.steps]
    assert (report.left_out, report.unread, report.unranked, report.missing) == ((), (), (), ())
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


def test_without_cost_and_monitors_those_parts_are_left_out_and_named() -> None:
    report = comparison_report([RANKING], [], Monitored(), names=["a", "b"], left_out={}, data={})
    page = page_of(report)

    assert (report.pareto, report.training) == (None, None)
    assert [heading.text for heading in page.all("h2")] == ["Ranking"]
    assert report.missing == ("redundancy over training: train with --enable-nas",)
    assert report.missing[0] in page.text


def test_one_monitored_run_is_no_comparison(monitored: MonitoredRun) -> None:
    report = comparison_report([RANKING], [], Monitored((monitored,)), names=["a", "b"], left_out={}, data={})

    assert report.training is None


def test_runs_that_are_left_out_are_named_with_the_reason() -> None:
    left_out = {"runs/c": "runs/c: metrics.json is missing; training has not got that far"}

    page = page_of(comparison_report([RANKING], [], Monitored(), names=["a", "b"], left_out=left_out, data={}))

    (notice,) = [element for element in page.all("div") if element.attributes.get("class") == "notice bad"]
    assert notice.text.startswith("Left out of the comparison:")
    assert page.all("li")[0].text == left_out["runs/c"]


def test_a_ranked_run_whose_monitor_is_damaged_is_not_called_left_out() -> None:
    monitored = Monitored(unread={"runs/a": "runs/a/nas/x.csv: line 2: torn"})

    report = comparison_report([RANKING], [], monitored, names=["a", "b"], left_out={}, data={})
    page = page_of(report)

    (notice,) = [element for element in page.all("div") if element.attributes.get("class") == "notice bad"]
    assert notice.text.startswith("Not shown over training, the monitor's files cannot be read:")
    assert "runs/a: runs/a" not in notice.text
    assert "runs/a/nas/x.csv: line 2: torn" in notice.text
    assert "Left out of the comparison" not in page.text
    assert report.missing == ()


def test_folders_without_rank_are_named_beside_the_ranking(monitored: MonitoredRun) -> None:
    folders = Monitored((monitored, dataclasses.replace(monitored, name="wider")), unranked=("logs/x", "logs/y"))

    page = page_of(comparison_report([RANKING], [], folders, names=["a", "b"], left_out={}, data={}))

    assert "Not ranked, since they are no run directories: logs/x, logs/y." in page.text
    assert page.one("div", class_="place").text == "a, b, logs/x, logs/y"


def test_without_tables_the_page_is_training_alone(monitored: MonitoredRun) -> None:
    folders = Monitored((monitored, dataclasses.replace(monitored, name="wider")), unranked=("logs/x", "logs/y"))

    page = page_of(comparison_report([], [], folders, names=[], left_out={}, data={}))

    assert [heading.text for heading in page.all("h2")] == ["Over training"]
    assert "Not ranked" not in page.text
    assert page.one("div", class_="place").text == "logs/x, logs/y"
    assert page.open_tags == []
