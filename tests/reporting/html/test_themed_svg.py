from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from typing import TextIO

import numpy as np
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure
from tests.reporting.html.parsed_page import Element, ParsedPage

from nano_u.reporting import figure_style as style
from nano_u.reporting.html.themed_svg import PIXELS_PER_INCH, VARIABLES, themed_svg

HOSTILE = '"><svg onload=alert(1)></script> style="color:red" id="mine" href="#mine" url(#mine) xlink:href=x'


def figure(label: str = "", *, width: float = style.COLUMN, colour: str = style.BLUE) -> Figure:
    """Two lines with a legend, cut to the axes by a clip path, with a picture below."""
    made = style.new_figure(width, 2.5)
    axes = made.add_subplot()
    axes.plot([0, 1, 9], [0, 1, 9], color=colour, linewidth=2, marker="o", label=label or "line")
    axes.set(xlim=(0, 3), ylim=(0, 3))
    axes.imshow(np.eye(4), extent=(0, 1, 0, 1), cmap="cividis")
    axes.set_title("bold", fontweight="bold", fontsize=11, color=style.INK)
    made.legend()
    return made


class OlderFigure(Figure):
    """Draws a text as Matplotlib 3.10 does."""

    def savefig(self, fname: TextIO, **_: object) -> None:
        fname.write("""<svg viewBox="0 0 1 1"><text style="font: oblique 700 7.5px 'A', sans-serif">a</text></svg>""")


def elements(svg: str) -> list[Element]:
    page = ParsedPage(svg)
    assert page.open_tags == []
    assert page.misplaced == []
    return page.elements


def test_no_style_remains_and_what_it_said_stands_in_attributes() -> None:
    found = elements(themed_svg(figure(colour="#123456"), label="a", prefix="f1-"))

    assert not any("style" in element.attributes for element in found)
    assert not any(element.tag in ("style", "metadata", "script") for element in found)
    line = next(element for element in found if element.attributes.get("stroke") == "#123456")
    assert line.attributes["stroke-width"] == "2"
    assert line.attributes["fill"] == "none"
    bold = next(element for element in found if element.tag == "text" and element.text == "bold")
    assert (bold.attributes["font-size"] or "").removesuffix("px") == "11"
    assert bold.attributes["font-weight"] in ("bold", "700")
    assert "font-family" not in bold.attributes


def test_a_font_in_one_declaration_comes_apart() -> None:
    text = elements(themed_svg(OlderFigure(), label="a", prefix=""))[1]

    assert text.attributes == {"font-size": "7.5", "font-weight": "700", "font-style": "oblique"}


@pytest.mark.parametrize("colour", [style.BLUE, style.SKY, style.GREEN, style.ORANGE, style.VERMILION, style.PURPLE])
def test_a_colour_of_ours_becomes_the_pages_variable(colour: str) -> None:
    svg = themed_svg(figure(colour=colour), label="a", prefix="")

    assert f'stroke="var({VARIABLES[colour]})"' in svg
    assert colour.lower() not in svg.lower()


def test_ink_and_paper_follow_the_page() -> None:
    svg = themed_svg(figure(), label="a", prefix="")

    assert style.INK not in svg
    assert "#ffffff" not in svg
    title = next(element for element in elements(svg) if element.text == "bold" and element.tag == "text")
    assert title.attributes["fill"] == "var(--ink)"


def test_ids_of_two_figures_differ_and_each_reference_finds_its_own() -> None:
    first, second = (themed_svg(figure(), label="a", prefix=prefix) for prefix in ("f1-", "f2-"))

    ids = Counter(
        element.attributes["id"] for svg in (first, second) for element in elements(svg) if "id" in element.attributes
    )
    references = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', first + second)
    assert set(ids.values()) == {1}
    assert len(references) > 2
    assert {one or other for one, other in references} <= set(ids)


def test_a_name_that_looks_like_markup_stays_the_text_that_it_is() -> None:
    svg = themed_svg(figure(HOSTILE), label=HOSTILE, prefix="f1-")

    found = elements(svg)
    assert HOSTILE in [element.text for element in found if element.tag == "text"]
    assert found[0].attributes["aria-label"] == HOSTILE
    assert [element.tag for element in found if element.tag in ("svg", "script")] == ["svg"]
    plain = elements(themed_svg(figure("line"), label="a", prefix="f1-"))
    assert {name for element in found for name in element.attributes} == {
        name for element in plain for name in element.attributes
    }


@pytest.mark.parametrize("name", ["$x_$", r"$\frac$", "a$b$c", "例 🚙"])
def test_a_name_is_never_read_as_a_formula(name: str) -> None:
    svg = themed_svg(figure(name), label="a", prefix="")

    assert name in [element.text for element in elements(svg) if element.tag == "text"]


@pytest.mark.parametrize(("width", "room"), [(style.COLUMN, "narrow"), (style.PAGE, "wide")])
def test_the_size_is_that_of_the_figure_and_the_view_box_keeps_its_shape(width: float, room: str) -> None:
    head = elements(themed_svg(figure(width=width), label="What it shows", prefix=""))[0]

    assert head.attributes["class"] == f"figure {room}"
    assert int(head.attributes["width"] or 0) == round(PIXELS_PER_INCH * width)
    assert int(head.attributes["height"] or 0) == round(PIXELS_PER_INCH * 2.5)
    _, _, box_width, box_height = map(float, (head.attributes["viewbox"] or "").split())
    assert box_width / box_height == pytest.approx(width / 2.5)
    assert (head.attributes["role"], head.attributes["aria-label"]) == ("img", "What it shows")


def test_the_same_figure_is_the_same_text_and_is_not_escaped_again() -> None:
    one, other = (themed_svg(figure(), label="a", prefix="") for _ in range(2))

    assert isinstance(one, Markup)
    assert hashlib.sha256(one.encode()).digest() == hashlib.sha256(other.encode()).digest()


def test_pictures_in_a_figure_are_part_of_it() -> None:
    pictures = [element for element in elements(themed_svg(figure(), label="a", prefix="")) if element.tag == "image"]

    assert len(pictures) == 1
    address = pictures[0].attributes["href"] or ""
    assert address.startswith("data:image/png;base64,")
    assert base64.b64decode(address.partition(",")[2]).startswith(b"\x89PNG")
