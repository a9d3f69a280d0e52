"""FAULTS row 51: names in a report. Its part about spreadsheets has no subject here: our CSV files are read by our own
strict readers and by tools for numbers, no export for spreadsheets exists, and a quote put before a name would change
it for those."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.reporting.html.parsed_page import Element, ParsedPage
from tests.reporting.html.small_run import PLAIN, Names, write_small_run

from nano_u.workflows.report import write_report

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) '",
    "=cmd|' /C calc'!A0",
    "{{7*7}}{% raw %}",
    "<!-- --><![CDATA[",
    "javascript:alert(1)",
    "&lt;b&gt;&#60;",
    "$x_$ ${7*7}",
]
FOLDER = "".join(name for name in HOSTILE if "/" not in name)


def hostile(name: str) -> Names:
    return Names(model=name, layer=name, image=name, group=name, data=name, setting=name)


def parsed(path: Path) -> ParsedPage:
    return ParsedPage(path.read_text(encoding="utf-8"))


def shapes(page: ParsedPage) -> list[tuple[str, frozenset[str]]]:
    """Tags and names of attributes, without the places where a long name may break."""
    return [
        (element.tag, frozenset(element.attributes))
        for element in page.elements
        if element.tag != "wbr" and "svg" not in element.inside
    ]


def figure_shapes(page: ParsedPage) -> set[tuple[str, frozenset[str]]]:
    return {(element.tag, frozenset(element.attributes)) for element in page.elements if "svg" in element.inside}


def unsafe(element: Element) -> list[str]:
    """Attributes by which an element could run something or load something."""
    return [
        name
        for name, value in element.attributes.items()
        if name.startswith("on")
        or name in ("style", "srcset", "action", "formaction", "autofocus")
        or (name in ("src", "href", "xlink:href") and not (value or "").startswith(("data:image/", "#")))
    ]


@pytest.fixture(scope="module")
def plain_page(tmp_path_factory: pytest.TempPathFactory) -> ParsedPage:
    return parsed(write_report([write_small_run(tmp_path_factory.mktemp("plain") / "run", names=PLAIN)]).path)


@pytest.mark.parametrize("name", HOSTILE)
def test_51_names_are_text_wherever_a_page_shows_them(name: str, plain_page: ParsedPage, tmp_path: Path) -> None:
    written = write_report([write_small_run(tmp_path / "run", names=hostile(name))])

    page = parsed(written.path)
    assert written.problems == {}
    assert (page.open_tags, page.misplaced) == ([], [])
    assert shapes(page) == shapes(plain_page)
    assert figure_shapes(page) <= figure_shapes(plain_page)
    assert [unsafe(element) for element in page.elements if unsafe(element)] == []
    assert page.one("h1").text == f"{name} in run"
    assert page.one("title").text == f"{name} in run"
    assert f"{name}encoder1_block1_depthwise" in page.table(f"Cost of {name}").column("layer")
    assert page.table("Accuracy on test").column("group") == [f"{name}A", f"{name}B"]
    assert sum(f"{name}frame_" in element.text for element in page.all("div")) >= 8
    assert any((image.attributes["alt"] or "").startswith(f"input of {name}frame_") for image in page.all("img"))
    assert name in page.one("dl", class_="facts").text
    assert page.one("pre").text == (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")
    data = json.loads(page.one("script", id_="report-data").text)
    assert data["provenance"]["dataset"]["source"] == name
    assert any(layer.startswith(name) for layer in data["redundancy"]["layers"])


def test_51_the_page_of_hostile_names_has_one_script_and_its_policy(plain_page: ParsedPage, tmp_path: Path) -> None:
    page = parsed(write_report([write_small_run(tmp_path / "run", names=hostile("".join(HOSTILE[:3])))]).path)

    policies = [
        element.attributes["content"]
        for found in (page, plain_page)
        for element in found.all("meta")
        if "http-equiv" in element.attributes
    ]
    assert len(page.all("script")) == 2
    assert len(policies) == 2
    assert len(set(policies)) == 1


def test_51_names_of_run_folders_are_text_on_both_pages(tmp_path: Path) -> None:
    runs = [write_small_run(tmp_path / FOLDER), write_small_run(tmp_path / f"{FOLDER} 2")]

    single = parsed(write_report(runs[:1]).path)
    several = parsed(write_report(runs, output=tmp_path / "comparison.html").path)

    assert single.one("h1").text == f"nano_u in {FOLDER}"
    assert single.one("div", class_="place").text == str(runs[0])
    assert set(several.table("Experiments").column("experiment")) == {FOLDER, f"{FOLDER} 2"}
    for page in (single, several):
        assert (page.open_tags, page.misplaced) == ([], [])
        assert [unsafe(element) for element in page.elements if unsafe(element)] == []
        assert Counter(element.tag for element in page.all("script")) == {"script": 2}


def test_51_names_in_messages_about_damage_are_text(tmp_path: Path) -> None:
    run = write_small_run(tmp_path / HOSTILE[0])
    for name in ("provenance.json", "nas/nano_u_nas_metrics.csv"):
        (run / name).write_text('<script>alert("1")</script>')

    page = parsed(write_report([run]).path)

    assert len(page.all("script")) == 2
    assert f"{run / 'provenance.json'}" in page.text
    assert page.open_tags == []
