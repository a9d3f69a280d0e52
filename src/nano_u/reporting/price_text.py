"""What a change saves, in words: with its unit, and as a share of what there is."""

from __future__ import annotations

from nano_u.graph import Architecture, summarise
from nano_u.graph.price import PeakRemedy, Price


def price_lines(price: Price) -> list[str]:
    """One line per cost: before, after, and the change in per cent."""
    before = price.before
    return [
        f"parameters {_change(price.parameters, before.parameters)}",
        f"multiply-accumulates {_change(price.macs, before.macs)}",
        f"int8 weights {_change(price.weight_bytes, before.weight_bytes, ' bytes')}",
        f"peak of activations {_change(price.peak_activation_bytes, before.peak_activation_bytes, ' bytes')}",
    ]


def price_in_brief(price: Price) -> str:
    """The same on one line: `-480 parameters, -1.2 M MACs, -500 B weights, RAM unchanged`."""
    ram = "RAM unchanged" if not price.peak_activation_bytes else f"{price.peak_activation_bytes:+,} B RAM"
    macs = f"{price.macs / 1e6:+.2f} M" if abs(price.macs) >= 10_000 else f"{price.macs:+,}"
    return f"{price.parameters:+,} parameters, {macs} MACs, {price.weight_bytes:+,} B int8 weights, {ram}"


def ram_lines(price: Price | None, remedy: PeakRemedy | None, architecture: Architecture | None) -> list[str]:
    """Whether the advice lowers RAM; where its peak lies and what would lower it, where the advice does not."""
    if architecture is None:
        return []
    if price is not None and price.peak_activation_bytes < 0:
        return [f"RAM then peaks at {price.after.peak_layer}."]
    cost = summarise(architecture) if price is None else price.after
    lines = []
    if price is not None:
        lines.append("This does not lower RAM: its peak lies elsewhere.")
    lines.append(f"RAM peaks at {cost.peak_layer} with {cost.peak_activation_bytes:,} bytes of int8 activations.")
    if remedy is not None:
        after = remedy.price.after.peak_activation_bytes
        share = remedy.price.peak_activation_bytes / remedy.price.before.peak_activation_bytes
        lines.append(
            f"A 1x1 convolution to {remedy.filters} channels before {remedy.upsample} would lower it to {after:,} "
            f"bytes ({share:+.0%}; in our networks model.upsample=after_pointwise). It is another function: train it."
        )
    return lines


def _change(difference: int, before: int, unit: str = "") -> str:
    share = f" ({difference / before:+.1%})" if before and difference else " (unchanged)" if not difference else ""
    return f"{before:,} -> {before + difference:,}{unit}{share}"
