"""Records to a page that is sealed: nothing is loaded, and only the script and the style that are part of it run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_TEMPLATES = "templates"


def render_page(template: str, report: Any, *, sections: tuple[tuple[str, str], ...], data: Mapping[str, Any]) -> str:
    """The whole HTML text of `report`; every text in it is escaped by the template engine.

    The content security policy allows nothing but pictures inside the page and the one script and style, by their
    hashes (CSP level 2, section 4.2), so that a file name can never become code and no request can leave.
    """
    script, style = _text("page.js"), _text("page.css")
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    page: str = (
        _environment()
        .get_template(template)
        .render(
            report=report,
            sections=sections,
            policy=policy,
            script=Markup(script),
            style=Markup(style),
            data=json_for_html(data),
            version=_version(),
        )
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")  # a path may hold bytes that are no text


def json_for_html(data: Mapping[str, Any]) -> Markup:
    """Strict JSON in which no text can end the script element around it or begin a comment: `<`, `>`, `&` escaped."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def breakable(text: object) -> Markup:
    """`text` escaped, with places after `_` and `/` where a narrow screen may break a long name; flags stay whole."""
    names = str(escape(text)).replace("_", "_<wbr>").replace("/", "/<wbr>")
    return Markup(re.sub(r"(?<!\S)--?[A-Za-z][\w-]*", r'<span class="flag">\g<0></span>', names))


def _environment() -> Environment:
    loader = PackageLoader("nano_u.reporting.html", _TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters["breakable"] = breakable
    return environment


def _text(name: str) -> str:
    return resources.files("nano_u.reporting.html").joinpath(_TEMPLATES, name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _version() -> str:
    try:
        return version("nano-u")
    except PackageNotFoundError:
        return "from source"
