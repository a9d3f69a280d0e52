"""What a network costs on a microcontroller, layer by layer, and which chips it fits."""

from __future__ import annotations

from collections.abc import Iterable

from nano_u.graph.chips import Fit
from nano_u.graph.cost import CostSummary, LayerCost
from nano_u.reporting.table import Column, Table, count

PEAK_MARK = "<- peak"


def cost_table(layers: Iterable[LayerCost], summary: CostSummary) -> Table:
    """One row per operator on the device, the one where RAM peaks marked, totals last."""
    rows = [
        (
            cost.layer,
            cost.op,
            "x".join(map(str, cost.output_shape)),
            count(cost.parameters),
            count(cost.macs),
            count(cost.weight_bytes),
            count(cost.activation_bytes),
            count(cost.instructions),
            PEAK_MARK if cost.layer == summary.peak_layer else "",
        )
        for cost in layers
    ]
    total = (
        "total",
        "",
        "",
        count(summary.parameters),
        count(summary.macs),
        count(summary.weight_bytes),
        count(summary.peak_activation_bytes),
        count(summary.instructions_estimate),
        "",
    )
    columns = (
        Column("layer", align="left"),
        Column("operator", align="left", optional=True),
        Column("output", align="left"),
        Column("parameters", "params"),
        Column("MACs"),
        Column("weight bytes", "weights"),
        Column("live bytes", "live"),
        Column("instructions", optional=True),
        Column("", align="left"),
    )
    notes = [
        "As int8, batch 1, BatchNorm and ReLU folded; live bytes are the activations in RAM while the layer runs. "
        "Instructions of our C on a Cortex-M7, estimated: of a trained network within 10 %, of a small layer within a "
        "half; fresh weights take up to a quarter more."
    ]
    warnings = [f"{name}: not counted, its content is unknown" for name in summary.uncounted]
    return Table(f"Cost of {summary.name}", columns, (*rows, total), 1, tuple(notes), tuple(warnings))


def cost_summary_table(summary: CostSummary, *, c_state_bytes: int | None = None) -> Table:
    """The totals alone, one per line; `c_state_bytes` is what our C keeps in RAM, where it can compute the network."""
    rows = (
        ("parameters", count(summary.parameters)),
        ("MACs", count(summary.macs)),
        ("weights, int8", _bytes(summary.weight_bytes)),
        (f"peak of activations, int8 (at {summary.peak_layer})", _bytes(summary.peak_activation_bytes)),
        ("RAM with the interpreter's structures, estimated", _bytes(summary.arena_estimate_bytes)),
        (".tflite file, estimated", _bytes(summary.flash_estimate_bytes)),
        *([] if c_state_bytes is None else [("RAM of our C, row by row, without stack", _bytes(c_state_bytes))]),
        ("instructions of our C per image, Cortex-M7, estimated", count(summary.instructions_estimate)),
    )
    warnings = tuple(f"{name}: not counted, its content is unknown" for name in summary.uncounted)
    return Table(f"Cost of {summary.name}", (Column("", align="left"), Column("")), rows, warnings=warnings)


def fit_table(fits: Iterable[Fit]) -> Table:
    """RAM and flash that the network needs against what each chip has."""
    fits = tuple(fits)
    rows = tuple(
        (
            fit.chip.name,
            fit.chip.core,
            f"{fit.chip.clock_hz / 1e6:g}",
            f"{_kib(fit.ram_needed_bytes)} / {_kib(fit.chip.arena_bytes)}",
            f"{_kib(fit.flash_needed_bytes)} / {_kib(fit.chip.flash_bytes)}",
            "yes" if fit.fits else "no",
        )
        for fit in fits
    )
    columns = (
        Column("chip", align="left"),
        Column("core", align="left"),
        Column("MHz"),
        Column("RAM KiB, needed / there", "RAM KiB"),
        Column("flash KiB, needed / there", "flash KiB"),
        Column("fits"),
    )
    notes = (
        "RAM: estimated arena against the chip's largest block in one piece; the rest of the firmware comes on top.",
        *(f"{fit.chip.name}: {fit.reason}" for fit in fits if not fit.fits),
    )
    return Table("Fits", columns, rows, notes=notes)


def _kib(size: int) -> str:
    return f"{size / 1024:,.1f}" if size % 1024 else f"{size // 1024:,}"


def _bytes(size: int) -> str:
    return f"{size:,} bytes"
