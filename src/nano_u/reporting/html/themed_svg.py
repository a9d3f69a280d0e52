"""A figure as inline SVG in the page's colours, without style attributes, which the page's policy forbids."""

from __future__ import annotations

import html
import io
import re

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.text import Text

from nano_u.reporting import figure_style as style

VARIABLES = {
    style.INK: "--ink",
    style.GREY: "--muted",
    style.LIGHT: "--rule",
    "#ffffff": "--paper",
    style.BLUE: "--blue",
    style.SKY: "--sky",
    style.GREEN: "--green",
    style.ORANGE: "--orange",
    style.VERMILION: "--vermilion",
    style.PURPLE: "--purple",
    style.YELLOW: "--yellow",
}
"""The page's variable for each colour of our figures; other colours, those of maps, stay as they are."""

PIXELS_PER_INCH = 120
"""Of the page: a quarter more than on paper, since screens are read from farther away."""

_VARIABLE_OF = {colour.lower(): f"var({name})" for colour, name in VARIABLES.items()}
# Matplotlib 3.10 writes all of a font as one declaration, 3.11 in parts.
_FONT = re.compile(r"(?:(?P<slant>italic|oblique) )?(?:(?P<weight>bold|\d+) )?(?P<size>[\d.]+)px .*", re.DOTALL)


def themed_svg(figure: Figure, *, label: str, prefix: str) -> Markup:
    """An `<svg>` with `label` for those who do not see it; `prefix` keeps its ids apart from other figures'."""
    text = _drawn(figure)
    body = text[text.index("<svg") :]
    view_box = re.search(r'viewBox="([^"]*)"', body)
    assert view_box is not None
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style\b.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda tag: _themed_tag(tag[0], prefix), body)
    width, height = figure.get_size_inches()
    room = "narrow" if width <= style.COLUMN else "wide"
    head = (
        f'<svg class="figure {room}" xmlns="http://www.w3.org/2000/svg" viewBox="{view_box[1]}" '
        f'width="{PIXELS_PER_INCH * width:.0f}" height="{PIXELS_PER_INCH * height:.0f}" '
        f'role="img" aria-label="{html.escape(label)}">'
    )
    return Markup(f"{head}{body}</svg>")


def _drawn(figure: Figure) -> str:
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a name with two dollar signs is no formula
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "nano-u", "svg.fonttype": "none"}), style.any_script():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _themed_tag(tag: str, prefix: str) -> str:
    """One tag without style; texts between tags, where a name may look like an attribute, never come here."""
    tag = re.sub(r' style="([^"]*)"', lambda found: _attributes(found[1]), tag)
    tag = re.sub(r'(\bid="|href="#|url\(#)', lambda found: f"{found[1]}{prefix}", tag)
    return tag.replace("xlink:href=", "href=")


def _attributes(declarations: str) -> str:
    """`fill: #222222; font: 8px 'x'` as attributes."""
    parts = []
    for declaration in html.unescape(declarations).split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            parts += _attribute(name.strip(), value.strip())
    return "".join(f' {name}="{html.escape(value)}"' for name, value in parts)


def _attribute(name: str, value: str) -> list[tuple[str, str]]:
    if name == "font-family":
        return []  # the page's own
    if name != "font":
        return [(name, _VARIABLE_OF.get(value.lower(), value))]
    found = _FONT.fullmatch(value)
    if found is None:
        return []
    given = (("font-size", found["size"]), ("font-weight", found["weight"]), ("font-style", found["slant"]))
    return [(attribute, text) for attribute, text in given if text]
