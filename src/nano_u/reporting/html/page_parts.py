"""What the sections of a page are made of beside tables: key numbers and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from nano_u.reporting.html.themed_svg import themed_svg


@dataclass(frozen=True)
class Tile:
    """One number that a reader looks for first, with what it is to be read against."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing and what it shows."""

    svg: Markup
    caption: str


class Drawer:
    """Figures to pictures, each with ids of its own."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, figure: Figure, caption: str) -> Picture:
        """The figure as SVG with its caption."""
        self.count += 1
        return Picture(themed_svg(figure, label=caption, prefix=f"f{self.count}-"), caption)
