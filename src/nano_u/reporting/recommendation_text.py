"""Recommendations as text for a terminal or a file, and as JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from nano_u.graph.price import PeakRemedy, Price
from nano_u.reporting.layer_finding import LayerFinding
from nano_u.reporting.price_text import price_in_brief
from nano_u.reporting.recommendations import Recommendations
from nano_u.reporting.table import MISSING, Column, Table, count, ratio
from nano_u.reporting.width_advice import WidthAdvice

_INDENT = "   "


def recommendation_text(found: Recommendations) -> str:
    """Header and the five numbered sections; `evidence_table` has what they rest on."""
    header = f"NAS ANALYSIS RECOMMENDATIONS FOR {found.model.upper()}"
    lines = [header, "=" * len(header)]
    for number, section in enumerate(found.sections, 1):
        lines += ["", f"{number}. {section.title}", f"{_INDENT}{section.verdict} ({section.value})"]
        lines += [f"{_INDENT}{line}" for line in section.lines]
    return "\n".join(lines) + "\n"


def evidence_table(found: Recommendations, *, price_with_advice: bool = False) -> Table:
    """One row per layer: the word, what it rests on, the advice with its price, and the rule that fired.

    `price_with_advice` puts both into one column, for pages that wrap long cells.
    """
    advice = {entry.finding.layer: entry for entry in found.advice}
    price = () if price_with_advice else (Column("price", align="left", optional=True),)
    return Table(
        "Evidence per layer, last logged step",
        (
            Column("layer", align="left"),
            Column("channels", "ch."),
            Column("score"),
            Column("95% interval", "95% int."),
            Column("word", align="left"),
            Column("removable"),
            Column("advice", align="left"),
            *price,
            Column("rule", align="left", optional=True),
            Column("trend", align="left", optional=True),
            Column("dead", optional=True),
        ),
        tuple(_row(finding, advice.get(finding.layer), price_with_advice) for finding in found.findings),
        notes=(
            "The score chooses the word; how many channels can go follows from removable alone: the share that a "
            "linear layer can rebuild from the others.",
        ),
    )


def advice_words(entry: WidthAdvice) -> str:
    """`decoder2_block2_pointwise: 16 -> 12`, or why it cannot be followed."""
    return "; ".join(map(str, entry.changes)) if entry.changes else f"none: {entry.no_price}"


def price_words(entry: WidthAdvice) -> str:
    """The price on one line, or why there is none."""
    return price_in_brief(entry.price) if entry.price is not None else f"no price: {entry.no_price}"


def recommendations_to_dict(found: Recommendations) -> dict[str, Any]:
    """JSON-ready: everything that the text says, with numbers as numbers."""
    advice = {entry.finding.layer: entry for entry in found.advice}
    return {
        "model": found.model,
        "sections": [dataclasses.asdict(section) for section in found.sections],
        "layers": [_finding_dict(finding, advice.get(finding.layer)) for finding in found.findings],
        "total": _price_dict(found.total),
        "ram_remedy": _remedy_dict(found.remedy),
    }


def _row(finding: LayerFinding, advice: WidthAdvice | None, price_with_advice: bool) -> tuple[str, ...]:
    interval = MISSING
    if finding.low is not None and finding.high is not None:
        interval = f"{finding.low:.3f}-{finding.high:.3f}"
    words = MISSING if advice is None else advice_words(advice)
    price = "" if advice is None or not advice.changes else price_words(advice)
    return (
        finding.layer,
        count(finding.channels),
        ratio(finding.score),
        interval,
        finding.word or MISSING,
        ratio(finding.removable),
        *((f"{words}; {price}" if price else words,) if price_with_advice else (words, price)),
        finding.rule,
        finding.trend.word,
        count(finding.dead_channels),
    )


def _finding_dict(finding: LayerFinding, advice: WidthAdvice | None) -> dict[str, Any]:
    return {
        **dataclasses.asdict(finding),
        "advice": None
        if advice is None
        else {
            "changes": [dataclasses.asdict(change) for change in advice.changes],
            "channels": list(advice.channels),
            "price": _price_dict(advice.price),
            "no_price": advice.no_price or None,
        },
    }


def _price_dict(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    return {
        "parameters": price.parameters,
        "macs": price.macs,
        "weight_bytes": price.weight_bytes,
        "peak_activation_bytes": price.peak_activation_bytes,
        "before": dataclasses.asdict(price.before),
        "after": dataclasses.asdict(price.after),
    }


def _remedy_dict(remedy: PeakRemedy | None) -> dict[str, Any] | None:
    if remedy is None:
        return None
    return {"upsample": remedy.upsample, "filters": remedy.filters, "price": _price_dict(remedy.price)}
