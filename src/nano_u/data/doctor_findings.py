"""What the doctor says: findings from a survey of the folders and from the facts of every pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from nano_u.data.doctor_report import Finding, GroupRow, Level
from nano_u.data.inspection import PairFacts
from nano_u.data.mask_values import encoding_warnings, palette_disagreement
from nano_u.data.names import shortened
from nano_u.data.similarity import repeated

RARE_CLASS = 0.05
NEAR_COPIES_SHARE = 0.5


def file_findings(facts: Sequence[PairFacts]) -> list[Finding]:
    """Files that cannot be used, encodings that do not agree, rotated images, masks without class or background."""
    encodings = {str(fact.sample.mask): fact.mask.encoding for fact in facts if fact.mask is not None}
    findings = [Finding("error", problem) for fact in facts for problem in fact.problems]
    disagreement = palette_disagreement(encodings)
    if disagreement is not None:
        findings.append(Finding("error", disagreement))
    findings += [Finding("warning", text) for text in encoding_warnings(encodings)]
    findings += _listing(
        "warning",
        facts,
        lambda fact: fact.image is not None and fact.image.orientation != 1,
        "image(s) carry an EXIF rotation, which is applied; check that their masks were drawn upright",
    )
    findings += _listing(
        "note",
        facts,
        lambda fact: fact.mask is not None and fact.mask.positive == 0,
        "mask(s) without any pixel of the class",
    )
    findings += _listing(
        "note",
        facts,
        lambda fact: fact.mask is not None and 0 < fact.mask.counted == fact.mask.positive,
        "mask(s) without any pixel of background",
    )
    return findings


def copy_findings(facts: Sequence[PairFacts]) -> list[Finding]:
    """Images that occur twice, pixel for pixel: an error across splits, a warning within one."""
    known = [fact for fact in facts if fact.image is not None]
    across: list[str] = []
    within: list[str] = []
    for places in repeated(fact.image.pixel_hash for fact in known if fact.image is not None):
        copies = [known[place] for place in places]
        names = " = ".join(str(copy.sample.image) for copy in copies)
        (across if len({copy.split for copy in copies}) > 1 else within).append(names)
    findings: list[Finding] = []
    if across:
        text = f"{len(across)} image(s) occur in several splits, pixel for pixel; keep each in one"
        findings.append(Finding("error", text, tuple(across)))
    if within:
        text = f"{len(within)} image(s) occur more than once in a split, pixel for pixel"
        findings.append(Finding("warning", text, tuple(within)))
    return findings


def row_findings(rows: Sequence[GroupRow]) -> list[Finding]:
    """Splits that nothing can be learned from, a class that is rare, and what predictors without learning reach."""
    findings: list[Finding] = []
    for row in rows:
        if row.group is None:
            findings += _split_findings(row)
    near = [row for row in rows if row.group is not None and (row.near_copies or 0) > NEAR_COPIES_SHARE]
    if near:
        names = shortened([f"{row.split} {row.group} {row.near_copies:.0%}" for row in near], 5)
        text = f"nearer to a training image than training groups are to each other: {names} of the images"
        findings.append(Finding("warning", f"{text}; scores there say little about new places"))
    whole = [row for row in rows if row.group is None and row.positive_share is not None]
    if whole:
        scores = ", ".join(f"{row.split} {row.positive_share:.3f}" for row in whole)
        accuracy = ", ".join(f"{row.split} {1 - (row.positive_share or 0):.3f}" for row in whole)
        findings.append(Finding("note", f"predicting the class everywhere scores IoU {scores}"))
        findings.append(Finding("note", f"predicting background everywhere scores IoU 0, but accuracy {accuracy}"))
    sizes = Counter(size for row in rows if row.group is None for size in row.sizes)
    if len(sizes) > 1:
        findings.append(Finding("note", f"images of {len(sizes)} sizes: all are brought to the model's input size"))
    return findings


def _split_findings(row: GroupRow) -> list[Finding]:
    share = row.positive_share
    if share is None:
        return []
    if share in (0.0, 1.0):
        what = "background" if share == 0.0 else "class"
        return [Finding("error", f"{row.split}: all pixels of all masks are {what}; check the mask files")]
    if not RARE_CLASS <= share <= 1 - RARE_CLASS:
        rare = "class" if share < RARE_CLASS else "background"
        text = (
            f"{row.split}: only {min(share, 1 - share):.1%} of the pixels are {rare}; accuracy will flatter any model"
        )
        return [Finding("warning", text)]
    return []


def _listing(
    level: Level, facts: Sequence[PairFacts], applies: Callable[[PairFacts], bool], text: str
) -> list[Finding]:
    files = tuple(str(fact.sample.image) for fact in facts if applies(fact))
    return [Finding(level, f"{len(files)} {text}", files)] if files else []
