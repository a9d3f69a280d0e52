"""A page as a browser's parser sees it: elements, texts and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "wbr", "img", "br", "hr", "input", "link"}


@dataclass
class Element:
    """A start tag, and the text inside the element."""

    tag: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...]
    """Tags of the elements around it, outermost first."""
    text: str = ""


@dataclass
class ParsedTable:
    """Cells as text; the rows of the foot are apart."""

    caption: str = ""
    head: list[str] = field(default_factory=list)
    body: list[list[str]] = field(default_factory=list)
    foot: list[list[str]] = field(default_factory=list)

    def column(self, heading: str) -> list[str]:
        """The cells of the body under a heading."""
        index = self.head.index(heading)
        return [row[index] for row in self.body]


class ParsedPage(HTMLParser):
    """All elements in order; `open_tags` is empty where every element was closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.open_tags: list[Element] = []
        self.misplaced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), tuple(around.tag for around in self.open_tags))
        self.elements.append(element)
        if tag not in VOID:
            self.open_tags.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs), tuple(around.tag for around in self.open_tags)))

    def handle_endtag(self, tag: str) -> None:
        if self.open_tags and self.open_tags[-1].tag == tag:
            self.open_tags.pop()
        else:
            self.misplaced.append(tag)

    def handle_data(self, data: str) -> None:
        for element in self.open_tags:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """Elements of one kind, in order."""
        return [element for element in self.elements if element.tag == tag]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only element of a kind with these attributes; `id_` stands for `id`."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        (found,) = [element for element in self.all(tag) if wanted.items() <= element.attributes.items()]
        return found

    @property
    def text(self) -> str:
        """All text but that of scripts and styles."""
        return self.one("body").text.split(self.one("script", id_="report-data").text)[0]

    def table(self, caption: str) -> ParsedTable:
        """The table of that caption."""
        (found,) = [table for table in self.tables() if table.caption == caption]
        return found

    def tables(self) -> list[ParsedTable]:
        """Every table, in order."""
        tables: list[ParsedTable] = []
        for element in self.elements:
            if element.tag == "table":
                tables.append(ParsedTable())
            elif element.tag == "caption":
                tables[-1].caption = element.text
            elif element.tag == "th":
                tables[-1].head.append(element.text)
            elif element.tag == "tr" and element.inside[-1] in ("tbody", "tfoot"):
                (tables[-1].body if element.inside[-1] == "tbody" else tables[-1].foot).append([])
            elif element.tag == "td":
                rows = tables[-1].body if "tbody" in element.inside else tables[-1].foot
                rows[-1].append(element.text)
        return tables
