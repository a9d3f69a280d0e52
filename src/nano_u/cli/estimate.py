"""`nano-u estimate [MODEL]`: what a network costs on a microcontroller, before any training and without TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nano_u.cli import console
from nano_u.errors import BudgetError, ConfigError, DeployError

if TYPE_CHECKING:
    from nano_u.graph import Architecture, CostSummary, Fit, LayerCost

logger = logging.getLogger(__name__)

_SHAPE_PANEL = "Network, where MODEL is left out"


def estimate_command(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="Run directory, .keras, .tflite or graph.json.", show_default=False),
    ] = None,
    network: Annotated[
        str | None, typer.Option("--model", help="nano_u (default) or bu_net.", rich_help_panel=_SHAPE_PANEL)
    ] = None,
    input_shape: Annotated[
        list[int] | None,
        typer.Option(metavar="H W C", help="Height, width, channels.", rich_help_panel=_SHAPE_PANEL),
    ] = None,
    filters: Annotated[
        list[int] | None, typer.Option(metavar="N...", help="Channels per stage.", rich_help_panel=_SHAPE_PANEL)
    ] = None,
    bottleneck: Annotated[
        int | None, typer.Option(help="Channels of the bottleneck.", rich_help_panel=_SHAPE_PANEL)
    ] = None,
    blocks_per_stage: Annotated[
        int | None, typer.Option(help="Separable blocks per stage.", rich_help_panel=_SHAPE_PANEL)
    ] = None,
    decoder_filters: Annotated[
        list[int] | None,
        typer.Option(metavar="N...", help="Channels per decoder stage, deepest first.", rich_help_panel=_SHAPE_PANEL),
    ] = None,
    pool_sizes: Annotated[
        list[str] | None,
        typer.Option(metavar="HxW...", help="Pooling per stage: 2x2 or 2.", rich_help_panel=_SHAPE_PANEL),
    ] = None,
    skips: Annotated[
        bool | None,
        typer.Option("--skips/--no-skips", help="Concatenate encoder stages.", rich_help_panel=_SHAPE_PANEL),
    ] = None,
    upsample: Annotated[
        str | None, typer.Option(help="before_block or after_pointwise.", rich_help_panel=_SHAPE_PANEL)
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="CHIP", help="Only this chip; exit 1 if too small.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Add a table of all layers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Parameters, MACs, flash and RAM of a network as int8, and whether it fits a chip."""
    from nano_u.graph import CHIPS, fits, get_chip, layer_costs

    chips = CHIPS if target is None else (get_chip(target),)
    options: dict[str, Any] = {
        "input_shape": input_shape,
        "filters": filters,
        "bottleneck": bottleneck,
        "blocks_per_stage": blocks_per_stage,
        "decoder_filters": decoder_filters,
        "pool_sizes": None if pool_sizes is None else [_window(size) for size in pool_sizes],
        "skips": skips,
        "upsample": upsample and upsample.replace("-", "_"),
    }
    given = {name: value for name, value in options.items() if value is not None}
    architecture = _described(network, given) if model is None else _read(model, network, given)
    summary = _summary(architecture, model)
    results = [fits(summary, chip) for chip in chips]
    rows = layer_costs(architecture) if layers else ()
    (_print_json if as_json else _print_tables)(summary, _c_memory(architecture, model), rows, results)
    if target is not None and not results[0].fits:
        raise BudgetError(f"{summary.name} does not fit {results[0].chip.name}: {results[0].reason}")


def _read(model: Path, network: str | None, given: Mapping[str, Any]) -> Architecture:
    from nano_u.graph import read_architecture

    if network is not None or given:
        extra = "--model" if network is not None else _flag(next(iter(given)))
        raise ConfigError(f"{extra}: describes a network, but {model} is one already; leave one of the two out")
    return read_architecture(model)


def _described(network: str | None, given: Mapping[str, Any]) -> Architecture:
    import inspect

    from nano_u.graph import bu_net, nano_u

    networks: dict[str, Callable[..., Architecture]] = {"nano_u": nano_u, "bu_net": bu_net}
    build = networks.get((network or "nano_u").replace("-", "_").lower())
    if build is None:
        raise ConfigError(f"--model: unknown network {network!r}; known: {', '.join(networks)}")
    for name in given:
        if name not in inspect.signature(build).parameters:
            raise ConfigError(f"{_flag(name)}: {build.__name__} has no such option")
    return build(**given)


def _summary(architecture: Architecture, model: Path | None) -> CostSummary:
    """The totals; of a `.tflite` the flash is no estimate but the file's size."""
    from nano_u.graph import summarise

    summary = summarise(architecture)
    if model is not None and model.suffix.lower() == ".tflite":
        return dataclasses.replace(summary, flash_estimate_bytes=model.stat().st_size)
    return summary


@dataclasses.dataclass(frozen=True)
class _CMemory:
    """Bytes that our C keeps between rows, or why it cannot compute the network."""

    state_bytes: int | None
    unavailable: str | None = None


def _c_memory(architecture: Architecture, model: Path | None) -> _CMemory:
    """Of a `.tflite` it is told from the file, which says more than the record."""
    from nano_u.codegen import plan_streaming, streaming_state_bytes

    try:
        if model is not None and model.suffix.lower() == ".tflite":
            from nano_u.deploy import quantized_graph_of

            return _CMemory(plan_streaming(quantized_graph_of(model.read_bytes())).memory.state_bytes)
        return _CMemory(streaming_state_bytes(architecture))
    except DeployError as error:
        return _CMemory(None, str(error))


def _window(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ConfigError(f"--pool-sizes: {text!r} is not a size such as 2x2, 3x2 or 2")
    return int(sides[0]), int(sides[-1])


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _print_tables(summary: CostSummary, c: _CMemory, rows: tuple[LayerCost, ...], results: list[Fit]) -> None:
    from nano_u.reporting.cost_table import cost_summary_table, cost_table, fit_table

    if c.unavailable is not None:
        logger.warning("no C: %s", c.unavailable)
    out = console.results()
    if rows:
        out.print(cost_table(rows, summary), "")
    out.print(cost_summary_table(summary, c_state_bytes=c.state_bytes), "")
    out.print(fit_table(results))
    structures = summary.arena_estimate_bytes - summary.planned_activation_bytes
    if console.is_verbose():
        for fit in results:
            console.note(f"{fit.chip.name} = {fit.chip.part}. {fit.chip.source}")
    console.note(
        f"The arena is an estimate: {summary.planned_activation_bytes:,} bytes planned for activations (liveness peak "
        f"{summary.peak_activation_bytes:,}) and {structures:,} for TensorFlow Lite Micro's structures. "
        "`nano-u export` gives exact bytes."
    )


def _print_json(summary: CostSummary, c: _CMemory, rows: tuple[LayerCost, ...], results: list[Fit]) -> None:
    report: dict[str, Any] = dataclasses.asdict(summary)
    report |= {"c_state_bytes": c.state_bytes, "c_unavailable": c.unavailable}
    report["chips"] = [{**dataclasses.asdict(fit), "fits": fit.fits} for fit in results]
    if rows:
        report["layers"] = [dataclasses.asdict(row) for row in rows]
    typer.echo(json.dumps(report, indent=2, allow_nan=False))
