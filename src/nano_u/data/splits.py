"""Train, validation and test sets out of one list of samples, whole groups together where possible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano_u.data.names import natural_key
from nano_u.data.sample import Sample
from nano_u.errors import DataError

SPLITS = ("train", "val", "test")
SHARE_TOLERANCE = 0.5  # of the share asked for: beyond it, the actual size of a split is said


@dataclass(frozen=True)
class SplitResult:
    """Samples by split, in natural order of names, and what the user should know about the cut."""

    splits: Mapping[str, tuple[Sample, ...]]
    warnings: tuple[str, ...]


def split_samples(
    samples: Sequence[Sample], shares: Mapping[str, float], *, seed: int = 0, allow_group_overlap: bool = True
) -> SplitResult:
    """Take `shares` (such as `{"test": 0.2, "val": 0.2}`, of all samples) out of the samples; the rest is `train`.

    Whole groups go to one split, chosen by the seed alone, so the sizes are as near to the shares as whole groups
    allow. With fewer groups than splits every group is cut into contiguous blocks of its natural order (train first,
    then the others), because a random cut would put neighbouring frames of a video on both sides.
    """
    shares = {split: share for split, share in shares.items() if share > 0}
    groups = _by_group(samples)
    if len(groups) > len(shares):
        splits = _whole_groups(groups, shares, seed)
        warnings = _size_warnings(splits, shares, len(samples))
    elif allow_group_overlap:
        splits = _contiguous_blocks(groups, shares)
        warnings = (_too_few_groups(groups, shares),)
    else:
        raise DataError(
            f"{len(groups)} group(s) cannot fill {len(shares) + 1} splits without overlap; set dataset.group_pattern "
            "so that names give more groups, give folders, or set dataset.allow_group_overlap: true"
        )
    ordered = {split: _in_order(splits[split]) for split in SPLITS if split in splits}
    if not all(ordered.values()):
        raise DataError(
            f"{len(samples)} image(s) with masks cannot be split into {', '.join(ordered)}; add images, or set "
            "val_fraction and dataset.test_fraction to 0 for the splits you do without"
        )
    return SplitResult(ordered, warnings)


def shared_groups(splits: Mapping[str, Sequence[Sample]]) -> Mapping[str, tuple[str, ...]]:
    """The groups that occur in more than one split, with the names of those splits."""
    places: dict[str, dict[str, None]] = {}
    for split, samples in splits.items():
        for sample in samples:
            places.setdefault(sample.group, {})[split] = None
    return {group: tuple(found) for group, found in sorted(places.items()) if len(found) > 1}


def _by_group(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in _in_order(samples):
        groups.setdefault(sample.group, []).append(sample)
    return groups


def _whole_groups(
    groups: Mapping[str, Sequence[Sample]], shares: Mapping[str, float], seed: int
) -> dict[str, list[Sample]]:
    """Go through the groups in seeded order; a split takes each one that brings it nearer to its size."""
    total = sum(map(len, groups.values()))
    waiting = sorted(groups, key=lambda group: _draw(seed, group))
    splits: dict[str, list[Sample]] = {}
    for place, (split, share) in enumerate(shares.items()):
        target, count = share * total, 0
        chosen: list[str] = []
        spare = len(waiting) - (len(shares) - place)  # the other splits and train need one group each
        for group in waiting:
            size = len(groups[group])
            if len(chosen) < spare and abs(count + size - target) < abs(count - target):
                chosen.append(group)
                count += size
        chosen = chosen or [min(waiting, key=lambda group: len(groups[group]))]
        waiting = [group for group in waiting if group not in chosen]
        splits[split] = [sample for group in chosen for sample in groups[group]]
    splits["train"] = [sample for group in waiting for sample in groups[group]]
    return splits


def _draw(seed: int, group: str) -> str:
    """A group's place in the seeded order: its own, so that another group changes no order among the rest."""
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()


def _contiguous_blocks(groups: Mapping[str, Sequence[Sample]], shares: Mapping[str, float]) -> dict[str, list[Sample]]:
    splits: dict[str, list[Sample]] = {"train": [], **{split: [] for split in SPLITS if split in shares}}
    largest = max(groups, key=lambda group: len(groups[group]), default=None)
    for group, samples in groups.items():
        least = 1 if group == largest else 0  # one group at least feeds every split
        most = len(samples) - len(shares) * least
        counts = {split: min(max(least, round(share * len(samples))), most) for split, share in shares.items()}
        start = max(len(samples) - sum(counts.values()), least)
        splits["train"] += samples[:start]
        for split in list(splits)[1:]:  # val, then test: the last frames are the furthest from training
            splits[split] += samples[start : start + counts[split]]
            start += counts[split]
    return splits


def _size_warnings(splits: Mapping[str, Sequence[Sample]], shares: Mapping[str, float], total: int) -> tuple[str, ...]:
    actual = {split: len(splits[split]) / total for split in shares}
    return tuple(
        f"whole groups stay together: {split} takes {actual[split]:.0%} of the images instead of {share:.0%}"
        for split, share in shares.items()
        if abs(actual[split] - share) > SHARE_TOLERANCE * share
    )


def _too_few_groups(groups: Mapping[str, Sequence[Sample]], shares: Mapping[str, float]) -> str:
    return (
        f"too few groups ({', '.join(groups)}) for {len(shares) + 1} splits: each is cut into contiguous blocks in "
        "name order, so scores are optimistic (dataset.group_pattern tells groups apart)"
    )


def _in_order(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    return tuple(sorted(samples, key=lambda sample: natural_key(sample.name)))
