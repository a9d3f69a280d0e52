"""The index of a dataset: which image and mask files belong to which split, before any of them is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.data.names import group_of
from nano_u.data.pairing import Pairing
from nano_u.data.sample import Sample
from nano_u.data.splits import SPLITS, SplitResult, shared_groups, split_samples
from nano_u.data.survey import Survey, duplicate_problems, survey_dataset, survey_warnings, unpaired_problems
from nano_u.errors import DataError

if TYPE_CHECKING:
    from nano_u.config import DatasetConfig

__all__ = ["DatasetIndex", "Sample", "arrange", "index_dataset"]


@dataclass(frozen=True)
class DatasetIndex:
    """Samples of each split that is there (`train`, `val`, `test`), in natural order of their names.

    `ignored` counts the entries that were passed over by reason: hidden, system file, folder, broken link, ...;
    `unpaired` counts the files left out for want of a partner.
    """

    root: Path
    splits: Mapping[str, tuple[Sample, ...]]
    warnings: tuple[str, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)
    unpaired: int = 0


def index_dataset(
    root: Path | str, dataset_config: DatasetConfig, *, val_fraction: float = 0.2, seed: int | None = None
) -> DatasetIndex:
    """Index the dataset in `root`; raises DataError that names every file which cannot be used as it is.

    A flat dataset is split by groups: `dataset.test_fraction` and `val_fraction` are shares of all images. Where
    folders give `train` but no `val`, `val_fraction` of the training images is taken, by groups as well. `seed` stands
    in for `dataset.split_seed`, which decides the groups.
    """
    survey = survey_dataset(Path(root), dataset_config)
    problems = [*duplicate_problems(survey), *(() if dataset_config.allow_unpaired else unpaired_problems(survey))]
    if problems:
        raise DataError(f"{survey.layout.root}: {'; '.join(problems)}")
    chosen = dataset_config.split_seed if seed is None else seed
    return arrange(survey, dataset_config, val_fraction=val_fraction, seed=chosen)


def arrange(survey: Survey, dataset_config: DatasetConfig, *, val_fraction: float, seed: int) -> DatasetIndex:
    """Put the pairs of a survey into splits and leave the unpaired files out."""
    given = {split: _samples(pairing, dataset_config.group_pattern) for split, pairing in survey.pairings.items()}
    for split, samples in given.items():
        if not samples:
            raise DataError(f"{survey.layout.folders[split].images}: no image has a mask")
    result = _with_missing_splits(given, dataset_config, val_fraction, seed)
    unpaired = sum(len(p.images_without_mask) + len(p.masks_without_image) for p in survey.pairings.values())
    left_out = (f"{unpaired} file(s) without partner left out",) if unpaired else ()
    overlap = _overlap_warnings(result.splits, dataset_config.allow_group_overlap)
    return DatasetIndex(
        root=survey.layout.root,
        splits=result.splits,
        warnings=(*survey_warnings(survey), *left_out, *result.warnings, *overlap),
        ignored=dict(Counter(entry.reason for entry in survey.ignored)),
        unpaired=unpaired,
    )


def _with_missing_splits(
    given: Mapping[str, tuple[Sample, ...]], dataset_config: DatasetConfig, val_fraction: float, seed: int
) -> SplitResult:
    overlap = dataset_config.allow_group_overlap
    if "all" in given:
        shares = {"test": dataset_config.test_fraction, "val": val_fraction}
        return split_samples(given["all"], shares, seed=seed, allow_group_overlap=overlap)
    if "train" in given and "val" not in given:
        cut = split_samples(given["train"], {"val": val_fraction}, seed=seed, allow_group_overlap=overlap)
        return SplitResult({**cut.splits, **{split: given[split] for split in given if split != "train"}}, cut.warnings)
    return SplitResult({split: given[split] for split in SPLITS if split in given}, ())


def _samples(pairing: Pairing, pattern: str) -> tuple[Sample, ...]:
    return tuple(Sample(pair.name, pair.image, pair.mask, group_of(pair.name, pattern)) for pair in pairing.pairs)


def _overlap_warnings(splits: Mapping[str, tuple[Sample, ...]], is_allowed: bool) -> tuple[str, ...]:
    shared = shared_groups(splits)
    names = ", ".join(f"{group} ({' and '.join(places)})" for group, places in shared.items())
    if shared and not is_allowed:
        raise DataError(
            f"groups in more than one split: {names}; move each to one split or set dataset.allow_group_overlap: true"
        )
    return (f"groups in more than one split: {names}; neighbouring frames are near copies",) if shared else ()
