"""Which mask belongs to which image: by the stem of their names, never by their place in a list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nano_u.data.names import composed, folded, natural_key


@dataclass(frozen=True)
class Pair:
    """An image file, its mask file and the stem they share (without suffixes, in Unicode NFC)."""

    name: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Pairing:
    """What pairing found, in natural order of names; `duplicates` holds files that claim one stem together.

    `renamed` are the pairs whose names agree only when case or Unicode form is left out of account.
    """

    pairs: tuple[Pair, ...]
    images_without_mask: tuple[Path, ...]
    masks_without_image: tuple[Path, ...]
    duplicates: tuple[tuple[Path, ...], ...]
    renamed: tuple[Pair, ...]


def pair_by_stem(
    images: Iterable[Path], masks: Iterable[Path], *, image_suffix: str = "", mask_suffix: str = ""
) -> Pairing:
    """Pair `road_7<image_suffix>.jpg` with `road_7<mask_suffix>.png`; the result does not depend on any order.

    Exact stems pair first, then stems that differ in case or Unicode form only. A file without its suffix and a
    stem claimed by several files of one folder stay unpaired.
    """
    image_claims, lone_images = _claims(images, image_suffix)
    mask_claims, lone_masks = _claims(masks, mask_suffix)
    duplicates = [claim for claims in (image_claims, mask_claims) for claim in claims.values() if len(claim) > 1]
    disputed = {stem for claims in (image_claims, mask_claims) for stem, claim in claims.items() if len(claim) > 1}
    image_of = {stem: claim[0] for stem, claim in image_claims.items() if stem not in disputed}
    mask_of = {stem: claim[0] for stem, claim in mask_claims.items() if stem not in disputed}

    partner = {stem: stem for stem in image_of.keys() & mask_of.keys()}
    partner |= _partners_by_folded_stem(image_of.keys() - partner.keys(), mask_of.keys() - partner.keys())
    pairs = [Pair(stem, image_of.pop(stem), mask_of.pop(other)) for stem, other in partner.items()]

    pairs.sort(key=lambda pair: natural_key(pair.name))
    renamed = [pair for pair in pairs if _raw(pair.image, image_suffix) != _raw(pair.mask, mask_suffix)]
    return Pairing(
        pairs=tuple(pairs),
        images_without_mask=_in_order([*image_of.values(), *lone_images]),
        masks_without_image=_in_order([*mask_of.values(), *lone_masks]),
        duplicates=tuple(sorted(map(_in_order, duplicates))),
        renamed=tuple(renamed),
    )


def suggest_mask_suffix(pairing: Pairing) -> str | None:
    """The suffix that would pair every mask left over with an image left over, if there is one."""
    stems = {composed(path.stem) for path in pairing.images_without_mask}
    masks = [composed(path.stem) for path in pairing.masks_without_image]
    if not stems or not masks:
        return None
    suffixes = {masks[0][len(stem) :] for stem in stems if masks[0].startswith(stem)}
    for suffix in sorted(suffixes, key=len):
        if suffix and all(mask.endswith(suffix) and mask.removesuffix(suffix) in stems for mask in masks):
            return suffix
    return None


def _claims(paths: Iterable[Path], suffix: str) -> tuple[dict[str, list[Path]], list[Path]]:
    """Files by stem without the suffix, and the files that lack the suffix."""
    claims: dict[str, list[Path]] = {}
    lone: list[Path] = []
    for path in paths:
        stem = composed(path.stem)
        if stem.endswith(composed(suffix)):
            claims.setdefault(stem.removesuffix(composed(suffix)), []).append(path)
        else:
            lone.append(path)
    return claims, lone


def _partners_by_folded_stem(images: Iterable[str], masks: Iterable[str]) -> dict[str, str]:
    """Image stem -> mask stem where exactly one of each side is left when case is left out of account."""
    image_stems, mask_stems = _by_folded(images), _by_folded(masks)
    shared = image_stems.keys() & mask_stems.keys()
    return {
        image_stems[key][0]: mask_stems[key][0]
        for key in shared
        if len(image_stems[key]) == 1 and len(mask_stems[key]) == 1
    }


def _by_folded(stems: Iterable[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stem in stems:
        found.setdefault(folded(stem), []).append(stem)
    return found


def _raw(path: Path, suffix: str) -> str:
    return path.stem.removesuffix(suffix)


def _in_order(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(sorted(paths, key=lambda path: natural_key(path.name)))
