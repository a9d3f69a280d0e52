"""Input, truth, prediction and error of chosen images, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from nano_u.data.image_set import IGNORED
from nano_u.evaluation import Gallery, GalleryImage
from nano_u.reporting.figure_style import BLUE, GREY, INK, ORANGE, PURPLE

PANELS = ("input", "truth", "prediction", "error")
_HIT, _FALSE_ALARM, _MISS = BLUE, ORANGE, PURPLE
_BACKGROUND = "#EDEDED"
_LONGEST_NAME = 48  # characters

# inches
_PANEL_WIDTH, _GAP, _COLUMN_GAP, _MARGIN = 1.5, 0.07, 0.3, 0.1
_TITLE_HEIGHT, _HEADING_HEIGHT, _CAPTION_HEIGHT, _LEGEND_HEIGHT = 0.38, 0.2, 0.25, 0.4
_HIT_COVER, _ERROR_COVER = 0.45, 0.85  # how much of the image the colour hides


def draw_gallery(gallery: Gallery, *, title: str = "") -> Figure:
    """Each image a row of four panels, the worst first; more than two images stand in two columns."""
    grid = _Grid.of(gallery)
    figure = Figure(figsize=(grid.width, grid.height), facecolor="white")
    _write(figure, grid, _MARGIN, grid.height - 0.21, title or _title(gallery), size=11, weight="bold")
    for column in range(grid.columns):
        for panel, heading in enumerate(PANELS):
            top = grid.height - _TITLE_HEIGHT - 0.14
            _write(figure, grid, grid.panel_left(column, panel), top, heading, size=9, color=GREY)
    for index, image in enumerate(gallery.images):
        column, row = divmod(index, grid.rows)
        caption_middle = grid.panel_bottom(row) + grid.panel_height + 0.13
        _write(figure, grid, grid.panel_left(column, 0), caption_middle, _caption(image), size=9)
        for panel, picture in enumerate(panel_pictures(image)):
            axes = figure.add_axes(grid.box(column, row, panel))
            axes.imshow(picture, interpolation="nearest", aspect="auto")
            axes.set_axis_off()
    handles = _legend_handles(gallery.images)
    figure.legend(handles=handles, loc="lower center", ncols=4, fontsize=9, frameon=False, labelcolor=INK)
    return figure


@dataclass(frozen=True)
class _Grid:
    """Where everything stands, in inches from the lower left corner."""

    columns: int
    rows: int
    panel_height: float

    @classmethod
    def of(cls, gallery: Gallery) -> _Grid:
        columns = 1 if len(gallery.images) <= 2 else 2
        height, width = gallery.images[0].truth.shape
        return cls(columns, -(-len(gallery.images) // columns), _PANEL_WIDTH * height / width)

    @property
    def column_width(self) -> float:
        return 4 * _PANEL_WIDTH + 3 * _GAP

    @property
    def width(self) -> float:
        return 2 * _MARGIN + self.columns * self.column_width + (self.columns - 1) * _COLUMN_GAP

    @property
    def height(self) -> float:
        return _TITLE_HEIGHT + _HEADING_HEIGHT + self.rows * self._row_height + _LEGEND_HEIGHT

    @property
    def _row_height(self) -> float:
        return _CAPTION_HEIGHT + self.panel_height + _GAP

    def panel_left(self, column: int, panel: int) -> float:
        return _MARGIN + column * (self.column_width + _COLUMN_GAP) + panel * (_PANEL_WIDTH + _GAP)

    def panel_bottom(self, row: int) -> float:
        return _LEGEND_HEIGHT + _GAP + (self.rows - 1 - row) * self._row_height

    def box(self, column: int, row: int, panel: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height as shares of the figure."""
        left, bottom = self.panel_left(column, panel), self.panel_bottom(row)
        return left / self.width, bottom / self.height, _PANEL_WIDTH / self.width, self.panel_height / self.height


def _write(
    figure: Figure, grid: _Grid, x: float, y: float, text: str, *, size: float, weight: str = "normal", color: str = INK
) -> None:
    figure.text(
        x / grid.width,
        y / grid.height,
        text,
        fontsize=size,
        fontweight=weight,
        color=color,
        va="center",
        parse_math=False,
    )


def _title(gallery: Gallery) -> str:
    if gallery.candidates <= len(gallery.images):
        shown = "All images, worst first" if gallery.candidates > 1 else "The only image"
    else:
        shown = f"Worst, median and best of {gallery.candidates} images"
    skipped = ", close neighbours skipped" if gallery.neighbours_skipped else ""
    return f"{shown}, threshold {gallery.threshold:g}{skipped}"


def _caption(image: GalleryImage) -> str:
    """Role, IoU and a name that fits over four panels."""
    name = image.name if len(image.name) <= _LONGEST_NAME else f"...{image.name[-_LONGEST_NAME:]}"
    iou = "no foreground" if image.iou is None else f"IoU {image.iou:.3f}"
    return f"{image.role}, {iou}: {name}"


def panel_pictures(image: GalleryImage) -> tuple[npt.NDArray[Any], ...]:
    """One `(height, width, 3)` picture per panel of `PANELS`, uint8 or floats in [0, 1]."""
    prediction = image.prediction.astype(np.uint8)
    return image.image, mask_image(image.truth), mask_image(prediction), error_image(image)


def mask_image(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """A mask as colours: foreground, background, and grey where ignored."""
    colours = np.empty((*mask.shape, 3))
    colours[...] = to_rgb(_BACKGROUND)
    colours[mask == 1] = to_rgb(_HIT)
    colours[mask == IGNORED] = to_rgb(GREY)
    return colours


def error_image(image: GalleryImage) -> npt.NDArray[np.float64]:
    """The image in pale grey with hits, false alarms and misses laid over it in colour."""
    pale = 0.35 + 0.65 * image.image.mean(axis=-1, keepdims=True) / 255
    colours = np.repeat(pale, 3, axis=-1)
    truth, background = image.truth == 1, image.truth == 0
    kinds = (
        (truth & image.prediction, _HIT, _HIT_COVER),
        (background & image.prediction, _FALSE_ALARM, _ERROR_COVER),
        (truth & ~image.prediction, _MISS, _ERROR_COVER),
    )
    for where, colour, cover in kinds:
        colours[where] = (1 - cover) * colours[where] + cover * np.array(to_rgb(colour))
    return colours


def _legend_handles(images: tuple[GalleryImage, ...]) -> list[Patch]:
    handles = [
        Patch(color=_HIT, label="found (true positive)"),
        Patch(color=_FALSE_ALARM, label="false alarm (false positive)"),
        Patch(color=_MISS, label="missed (false negative)"),
    ]
    if any((image.truth == IGNORED).any() for image in images):
        handles.append(Patch(color=GREY, label="ignored"))
    return handles
