"""One pass over a dataset before any training: can it be used, and what will its numbers be worth."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from nano_u.data.doctor_findings import copy_findings, file_findings, row_findings
from nano_u.data.doctor_report import DoctorReport, Finding, GroupRow
from nano_u.data.doctor_rows import group_rows, measure_nearness
from nano_u.data.index import DatasetIndex, arrange
from nano_u.data.inspection import PairFacts, inspect_pair
from nano_u.data.survey import Survey, duplicate_problems, survey_dataset, unpaired_problems
from nano_u.errors import DataError
from nano_u.runs import usable_cpus

if TYPE_CHECKING:
    from nano_u.config import DatasetConfig

__all__ = ["DoctorReport", "Finding", "GroupRow", "examine"]

EXAMPLES = 3
SEVERITY = {"error": 0, "warning": 1, "note": 2}


def examine(
    root: Path | str,
    dataset_config: DatasetConfig,
    *,
    val_fraction: float = 0.2,
    progress: Callable[[int, int], None] | None = None,
) -> DoctorReport:
    """Read every image and mask once and report; raises DataError only where no dataset can be recognised.

    `progress` is called with the number of pairs done and the number in all.
    """
    survey = survey_dataset(Path(root), dataset_config)
    findings = _pairing_findings(survey, dataset_config.allow_unpaired)
    try:
        index = arrange(survey, dataset_config, val_fraction=val_fraction, seed=dataset_config.split_seed)
    except DataError as error:
        findings.append(Finding("error", str(error)))
        index = DatasetIndex(survey.layout.root, {}, ())
    findings += [Finding("warning", text) for text in index.warnings]
    facts = _inspect(index, dataset_config, progress)
    rows = group_rows(facts, measure_nearness(facts))
    findings += [*file_findings(facts), *copy_findings(facts), *row_findings(rows)]
    ignored = Counter(entry.reason for entry in survey.ignored)
    if ignored:
        counts = ", ".join(f"{count} {reason}" for reason, count in ignored.items())
        findings.append(Finding("note", f"entries passed over: {counts}", tuple(str(e.path) for e in survey.ignored)))
    pairs = [(str(fact.sample.image), str(fact.sample.mask)) for fact in facts[:EXAMPLES]]
    return DoctorReport(
        root=str(root),
        layout="one folder, split by groups" if survey.layout.is_flat else "split folders",
        pairs=len(facts),
        examples=tuple((_inside(root, image), _inside(root, mask)) for image, mask in pairs),
        rows=rows,
        encodings=dict(Counter(str(fact.mask.encoding) for fact in facts if fact.mask is not None)),
        ignored=dict(ignored),
        findings=tuple(_shortened(findings, root)),
    )


def _pairing_findings(survey: Survey, allow_unpaired: bool) -> list[Finding]:
    findings = [Finding("error", problem) for problem in duplicate_problems(survey)]
    if not allow_unpaired:
        findings += [Finding("error", problem) for problem in unpaired_problems(survey)]
    return findings


def _inspect(
    index: DatasetIndex, dataset_config: DatasetConfig, progress: Callable[[int, int], None] | None
) -> list[PairFacts]:
    samples = [(split, sample) for split, members in index.splits.items() for sample in members]
    facts: list[PairFacts] = []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for fact in pool.map(lambda entry: inspect_pair(entry[0], entry[1], dataset_config), samples):
            facts.append(fact)
            if progress is not None:
                progress(len(facts), len(samples))
    return facts


def _shortened(findings: Sequence[Finding], root: Path | str) -> list[Finding]:
    """Findings with the worst first and paths inside the dataset."""
    return [
        dataclasses.replace(
            finding,
            text=_inside(root, finding.text),
            files=tuple(_inside(root, file) for file in finding.files),
        )
        for finding in sorted(findings, key=lambda finding: SEVERITY[finding.level])
    ]


def _inside(root: Path | str, text: str) -> str:
    return text.replace(f"{Path(root)}{os.sep}", "")
