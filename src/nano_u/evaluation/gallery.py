"""Which images to look at: the worst, the middle and the best, with what is needed to draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nano_u.data.image_set import ImageSet
from nano_u.evaluation.bootstrap import default_block_length
from nano_u.evaluation.counts import frame_counts, threshold_logits
from nano_u.evaluation.frame_order import natural_order
from nano_u.evaluation.inputs import checked_logits

Role = Literal["worst", "median", "best"]


@dataclass(frozen=True, eq=False)
class GalleryImage:
    """One image, its truth and its prediction; `iou` is None where neither holds foreground."""

    name: str
    group: str
    role: Role
    iou: float | None
    wrong_pixels: int
    image: npt.NDArray[np.uint8]
    """`(height, width, 3)`."""
    truth: npt.NDArray[np.uint8]
    """`(height, width)`: 0, 1 or 255 where ignored."""
    prediction: npt.NDArray[np.bool_]
    """`(height, width)`."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """Chosen images, worst first, and what they were chosen from."""

    images: tuple[GalleryImage, ...]
    candidates: int
    threshold: float
    neighbours_skipped: bool
    """True where close neighbours of chosen frames were passed over."""


def choose_gallery(
    logits: npt.NDArray[np.floating],
    image_set: ImageSet,
    *,
    threshold: float = 0.5,
    worst: int = 4,
    median: int = 2,
    best: int = 2,
    apart: int | None = None,
) -> Gallery:
    """Images by the IoU of the class, each at most once.

    Of equal IoU the one with more wrong pixels is worse, then the earlier name, so the choice does not depend on the
    order of the images. An image without foreground in truth and prediction has no IoU and ranks as right. Video frames
    are near copies of their neighbours: within a role, frames of a group are `apart` frames from each other (None for
    the block length of the bootstrap, 1 for no distance) as long as there are others to show.
    """
    predicted = threshold_logits(checked_logits(logits, image_set), threshold)
    frames = frame_counts(predicted, image_set.masks)
    ranking = _rank(frames, image_set.names)
    roles: tuple[tuple[Role, int, list[int]], ...] = (
        ("worst", worst, ranking),
        ("best", best, ranking[::-1]),
        ("median", median, _from_the_middle(ranking)),
    )
    spacing = _Spacing(image_set, apart)
    chosen: dict[int, Role] = {}
    for role, wanted, candidates in roles:
        free = [index for index in candidates if index not in chosen]
        chosen |= dict.fromkeys(spacing.choose(free, wanted), role)
    shown = [index for index in ranking if index in chosen]
    return Gallery(
        tuple(_gallery_image(image_set, predicted, frames, index, chosen[index]) for index in shown),
        len(image_set.names),
        threshold,
        spacing.skipped,
    )


class _Spacing:
    """Chooses candidates that are not close neighbours of one another in their recording."""

    def __init__(self, image_set: ImageSet, apart: int | None) -> None:
        self.groups = image_set.groups
        self.position: dict[int, int] = {}
        self.skipped = False
        sizes: dict[str, int] = {}
        for index in natural_order(image_set.names):
            group = image_set.groups[index]
            self.position[index] = sizes.get(group, 0)
            sizes[group] = sizes.get(group, 0) + 1
        self.apart = {group: apart or default_block_length(size) for group, size in sizes.items()}

    def choose(self, candidates: list[int], wanted: int) -> list[int]:
        """The first `wanted` candidates that keep their distance, filled up with the first of the others."""
        chosen: list[int] = []
        for index in candidates:
            if len(chosen) < wanted and not any(self._near(index, other) for other in chosen):
                chosen.append(index)
        fill = [index for index in candidates if index not in chosen][: wanted - len(chosen)]
        self.skipped |= set(chosen + fill) != set(candidates[:wanted])
        return chosen + fill

    def _near(self, index: int, other: int) -> bool:
        group = self.groups[index]
        return group == self.groups[other] and abs(self.position[index] - self.position[other]) < self.apart[group]


def _rank(frames: npt.NDArray[np.int64], names: tuple[str, ...]) -> list[int]:
    """Positions from worst to best."""
    wrong = frames[:, 1] + frames[:, 2]
    union = frames[:, 0] + wrong
    iou = np.where(union > 0, frames[:, 0] / np.maximum(union, 1), 1.0)
    # An image with nothing to find ranks below the perfect ones that had something to find: those make better pictures.
    return sorted(natural_order(names), key=lambda index: (iou[index], union[index] > 0, -wrong[index]))


def _from_the_middle(ranking: list[int]) -> list[int]:
    """The ranking by distance from its middle."""
    middle = (len(ranking) - 1) / 2
    return [ranking[place] for place in sorted(range(len(ranking)), key=lambda place: abs(place - middle))]


def _gallery_image(
    image_set: ImageSet,
    predicted: npt.NDArray[np.bool_],
    frames: npt.NDArray[np.int64],
    index: int,
    role: Role,
) -> GalleryImage:
    hits, false_alarms, misses, _ = frames[index].tolist()
    union = hits + false_alarms + misses
    return GalleryImage(
        name=image_set.names[index],
        group=image_set.groups[index],
        role=role,
        iou=hits / union if union else None,
        wrong_pixels=false_alarms + misses,
        image=image_set.images[index],
        truth=image_set.masks[index, ..., 0],
        prediction=predicted[index, ..., 0],
    )
