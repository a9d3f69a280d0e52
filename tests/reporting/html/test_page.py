from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reporting.html.parsed_page import ParsedPage

from nano_u.reporting.html.comparison_report import ComparisonReport
from nano_u.reporting.html.page import breakable, json_for_html, render_page
from nano_u.reporting.table import Column, Table

TABLE = Table(
    "Experiments",
    (Column("experiment", align="left"), Column("IoU")),
    (("one", "0.5"), ("other_" * 6, "-"), ("all", "0.25")),
    totals=1,
    notes=("A note.",),
    warnings=("one is < other",),
)


def page(table: Table = TABLE, *, path: str = "one, other", data: object = None) -> str:
    report = ComparisonReport("Title", path, (table,), None, None, (), (), (), (), {})
    return render_page("comparison.html.j2", report, sections=(("ranking", "Ranking"),), data={"numbers": data})


def policy(parsed: ParsedPage) -> dict[str, str]:
    content = parsed.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"] or ""
    return dict(directive.strip().split(" ", 1) for directive in content.split(";"))


def browser_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_script_this_style_and_nothing_else() -> None:
    parsed = ParsedPage(page())

    (script,) = [element for element in parsed.all("script") if "type" not in element.attributes]
    (style,) = parsed.all("style")
    assert policy(parsed) == {
        "default-src": "'none'",
        "img-src": "data:",
        "script-src": browser_hash(script.text),
        "style-src": browser_hash(style.text),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    tags = [element.tag for element in parsed.elements]
    assert tags.index("meta") < tags.index("style") < tags.index("script")


def test_every_element_is_closed_in_its_place_and_names_its_language_and_width() -> None:
    parsed = ParsedPage(page())

    assert parsed.open_tags == []
    assert parsed.misplaced == []
    assert parsed.one("html").attributes == {"lang": "en"}
    assert parsed.one("meta", name="viewport").attributes["content"] == "width=device-width, initial-scale=1"
    assert [heading.text for heading in parsed.all("h1")] == ["Title"]


def test_a_table_keeps_its_cells_its_totals_notes_and_warnings() -> None:
    parsed = ParsedPage(page())

    table = parsed.table("Experiments")
    assert table.head == ["experiment", "IoU"]
    assert table.body == [["one", "0.5"], ["other_" * 6, "-"]]
    assert table.foot == [["all", "0.25"]]
    assert "A note." in parsed.text
    assert "warning: one is < other" in parsed.text
    assert parsed.one("table").attributes == {"class": "sortable"}


@given(st.text())
def test_the_data_are_strict_json_that_cannot_end_its_element(text: str) -> None:
    found = json_for_html({text: [text, None, 0.1]})

    assert not set("<>&\u2028\u2029") & set(found)
    assert json.loads(found) == {text: [text, None, 0.1]}


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        json_for_html({"iou": float("nan")})


def test_the_data_of_the_page_are_those_given() -> None:
    data = {"</script>": ["<!--", "\u2028", 1.5, None]}

    parsed = ParsedPage(page(data=data))

    assert json.loads(parsed.one("script", id_="report-data").text) == {"numbers": data}


def test_long_names_may_break_after_underscores_and_slashes_and_stay_the_same_text() -> None:
    assert breakable("a_b/<i>'") == "a_<wbr>b/<wbr>&lt;i&gt;&#39;"
    assert ParsedPage(f"<p>{breakable('a_b/<i>&')}</p>").one("p").text == "a_b/<i>&"
    assert breakable("gcc 12 -O2, -0.1 a-b") == 'gcc 12 <span class="flag">-O2</span>, -0.1 a-b'


def test_bytes_of_a_path_that_are_no_text_are_shown_as_such() -> None:
    text = page(path="run\udcff")

    assert text.encode("utf-8")
    assert r"run\udcff" in ParsedPage(text).text


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    shares = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark by the button", "dark by the system"])
def test_text_stands_out_from_every_ground_in_both_themes(theme: int) -> None:
    style = ParsedPage(page()).one("style").text
    palettes = [
        dict(re.findall(r"--(\w+): (#\w{6})", rule)) for rule in re.findall(r"\{([^{}]*--paper:[^{}]*)\}", style)
    ]

    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert len(palettes) == 3
    assert palettes[1] == palettes[2]
    palette = palettes[theme]
    assert palette.keys() == palettes[0].keys()
    for text in ("ink", "muted", "accent", "alert"):
        for ground in ("paper", "raised", "warn", "bad"):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for line in ("blue", "green", "orange", "vermilion", "purple"):
        assert contrast(palette[line], palette["paper"]) >= 2, line


def test_every_file_of_the_template_folder_is_installed() -> None:
    configured = (Path(__file__).parents[3] / "pyproject.toml").read_text()

    assert '"reporting/html/templates/*"' in configured
