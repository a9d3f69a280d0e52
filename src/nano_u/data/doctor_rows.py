"""The doctor's table: one row for each group of each split, and one for each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.data.doctor_report import GroupRow
from nano_u.data.inspection import ImageFacts, PairFacts
from nano_u.data.similarity import Thumbnails, distances_between_groups, nearest_distances

NEAR_PERCENTILE = 5  # of the distances between training groups: what lies nearer counts as a near copy
LEAST_COMPARED = 40  # training images: with fewer, that percentile is chance


@dataclass(frozen=True)
class Nearness:
    """The training images to compare with, how far training groups lie apart, and below what two are near copies."""

    train: Thumbnails
    between_groups: dict[str, npt.NDArray[np.float32]]
    limit: float | None


def measure_nearness(facts: Sequence[PairFacts]) -> Nearness | None:
    """What the training images look like and how far their groups lie apart; None without training images."""
    known = [(fact.image, fact.sample.group) for fact in facts if fact.split == "train" and fact.image is not None]
    if not known:
        return None
    train = _thumbnails([image for image, _ in known])
    between = distances_between_groups(train, [group for _, group in known])
    distances = np.concatenate(list(between.values())) if between else np.empty(0)
    limit = float(np.percentile(distances, NEAR_PERCENTILE)) if len(distances) >= LEAST_COMPARED else None
    return Nearness(train, between, limit)


def group_rows(facts: Sequence[PairFacts], nearness: Nearness | None) -> tuple[GroupRow, ...]:
    """Rows in the order of the facts; the row of a whole split follows its groups where it has several."""
    rows: list[GroupRow] = []
    for split in dict.fromkeys(fact.split for fact in facts):
        members = [fact for fact in facts if fact.split == split]
        groups = list(dict.fromkeys(fact.sample.group for fact in members))
        for group in groups:
            rows.append(_row(split, group, [fact for fact in members if fact.sample.group == group], nearness))
        rows.append(_row(split, None, members, nearness))
    return tuple(rows)


def _row(split: str, group: str | None, facts: Sequence[PairFacts], nearness: Nearness | None) -> GroupRow:
    images = [fact.image for fact in facts if fact.image is not None]
    masks = [fact.mask for fact in facts if fact.mask is not None]
    counted = sum(mask.counted for mask in masks)
    shares = [mask.positive / mask.counted for mask in masks if mask.counted]
    distances = _distances(split, group, images, nearness)
    limit = nearness.limit if nearness is not None and split != "train" else None
    return GroupRow(
        split=split,
        group=group,
        images=len(facts),
        sizes=tuple(dict.fromkeys(image.size for image in images)),
        positive_share=sum(mask.positive for mask in masks) / counted if counted else None,
        least_positive_share=min(shares, default=None),
        most_positive_share=max(shares, default=None),
        masks_without_class=sum(mask.positive == 0 for mask in masks),
        masks_without_background=sum(0 < mask.counted == mask.positive for mask in masks),
        nearest_train=float(np.median(distances)) if len(distances) else None,
        near_copies=float(np.mean(distances < limit)) if limit is not None and len(distances) else None,
    )


def _distances(
    split: str, group: str | None, images: Sequence[ImageFacts], nearness: Nearness | None
) -> npt.NDArray[np.float32]:
    """Distances to the nearest training image; for training images, to the nearest one of another group."""
    nothing = np.empty(0, np.float32)
    if nearness is None or not images:
        return nothing
    if split != "train":
        return nearest_distances(_thumbnails(images), nearness.train)
    between = nearness.between_groups
    if group is not None:
        return between.get(group, nothing)
    return np.concatenate(list(between.values())) if between else nothing


def _thumbnails(images: Sequence[ImageFacts]) -> Thumbnails:
    return np.stack([image.thumbnail for image in images])
