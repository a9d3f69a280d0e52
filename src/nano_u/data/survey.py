"""What lies in a dataset's folders: pairs, left-over files, entries passed over; nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.data.layout import Layout, find_layout
from nano_u.data.listing import Ignored, list_pictures
from nano_u.data.names import shortened
from nano_u.data.pairing import Pairing, pair_by_stem, suggest_mask_suffix
from nano_u.errors import DataError

if TYPE_CHECKING:
    from nano_u.config import DatasetConfig


@dataclass(frozen=True)
class Survey:
    """Pairs and left-over files by split (`all` where splits are still to be made), and the entries passed over."""

    layout: Layout
    pairings: Mapping[str, Pairing]
    ignored: tuple[Ignored, ...]


def survey_dataset(root: Path, dataset_config: DatasetConfig) -> Survey:
    """List the folders of a dataset and pair their files."""
    layout = find_layout(root)
    pairings: dict[str, Pairing] = {}
    ignored: list[Ignored] = []
    for split, folders in layout.folders.items():
        images, masks = list_pictures(folders.images), list_pictures(folders.masks)
        if not images.files:
            raise DataError(f"{folders.images}: holds no images{_passed_over(images.ignored)}")
        pairings[split] = pair_by_stem(
            images.files, masks.files, image_suffix=dataset_config.image_suffix, mask_suffix=dataset_config.mask_suffix
        )
        ignored += [*images.ignored, *masks.ignored]
    return Survey(layout, pairings, tuple(ignored))


def duplicate_problems(survey: Survey) -> tuple[str, ...]:
    """One line for each stem that several files of one folder claim, naming all of them."""
    return tuple(
        f"{shortened(_relative(files, survey))} have the same stem; keep one of them"
        for pairing in survey.pairings.values()
        for files in pairing.duplicates
    )


def unpaired_problems(survey: Survey) -> tuple[str, ...]:
    """A line on the images without mask and one on the masks without image of each split, naming them."""
    problems: list[str] = []
    for pairing in survey.pairings.values():
        remedy = _remedy(pairing)
        if pairing.images_without_mask:
            files = _relative(pairing.images_without_mask, survey)
            problems.append(f"{len(files)} image(s) without mask: {shortened(files)}{remedy}")
        if pairing.masks_without_image:
            files = _relative(pairing.masks_without_image, survey)
            problems.append(f"{len(files)} mask(s) without image: {shortened(files)}{remedy}")
    return tuple(problems)


def survey_warnings(survey: Survey) -> tuple[str, ...]:
    """What the user should know of the names even when everything that matters is paired."""
    renamed = [f"{p.image.name} with {p.mask.name}" for pairing in survey.pairings.values() for p in pairing.renamed]
    broken = _relative([entry.path for entry in survey.ignored if entry.reason == "broken link"], survey)
    warnings: list[str] = []
    if renamed:
        warnings.append(f"paired although case or Unicode form differ: {shortened(renamed, 5)}")
    if broken:
        warnings.append(f"{len(broken)} broken link(s) ignored: {shortened(broken, 5)}")
    return tuple(warnings)


def _remedy(pairing: Pairing) -> str:
    suffix = suggest_mask_suffix(pairing)
    if suffix is None:
        return " (add the partners or set dataset.allow_unpaired: true)"
    return f" (these masks all end in {suffix}: set dataset.mask_suffix: {suffix})"


def _passed_over(ignored: Iterable[Ignored]) -> str:
    counts = Counter(entry.reason for entry in ignored)
    return f" (passed over: {', '.join(f'{count} {reason}' for reason, count in counts.items())})" if counts else ""


def _relative(paths: Iterable[Path], survey: Survey) -> list[str]:
    return [str(path.relative_to(survey.layout.root)) for path in paths]
