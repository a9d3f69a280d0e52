"""`nano-u analyze MODEL`: which channels of a saved model repeat each other over a dataset."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nano_u.cli import console
from nano_u.errors import ConfigError


class Mode(StrEnum):
    """How BatchNorm and Dropout run."""

    inference = "inference"
    training = "training"


class Spatial(StrEnum):
    """What counts as a sample."""

    pixels = "pixels"
    mean = "mean"


def analyze_command(
    model: Annotated[
        Path | None, typer.Argument(metavar="MODEL", help="Run directory, .keras or .h5.", show_default=False)
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of images and masks; the run's own by default.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val, test or all; val by default, all where there is none.")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME...",
            help="After MODEL: names, paths, /regex/, output, or a role (activations, linear_inputs, convolutions, "
            "encoder, bottleneck, decoder).",
        ),
    ] = None,
    max_samples: Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Score layers of more than 256 channels whole, not on a subset.")
    ] = False,
    spatial: Annotated[Spatial, typer.Option(help="Samples: each pixel, or the mean of each image.")] = Spatial.pixels,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Images per forward pass.")] = 16,
    mode: Annotated[
        Mode, typer.Option(help="Statistics of BatchNorm: the running ones, or each batch's.")
    ] = Mode.inference,
    output_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Where tables and the picture go.")] = None,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE...",
            help="After MODEL: your Python files or modules that register the model's own classes.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="After MODEL: for example dataset.mask_suffix=_mask."),
    ] = None,
    self_check: Annotated[
        bool, typer.Option("--self-check", help="Only check the mathematics on this machine, law by law.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Redundancy score, removable channels and correlation of each layer, over all images of a split."""
    if self_check:
        raise typer.Exit(_check_laws())
    if model is None:
        raise ConfigError("analyze needs a MODEL: a run directory, a .keras or a .h5 (see 'nano-u analyze --help')")
    from nano_u.cli.progress import step_bars
    from nano_u.cli.user_modules import import_user_modules
    from nano_u.monitoring.offline import MAX_CHANNELS
    from nano_u.workflows.analyze import analyze_model

    import_user_modules(modules or ())
    with step_bars() as step:
        result = analyze_model(
            model,
            data=data,
            split=split,
            layers=layers or None,
            max_samples=max_samples,
            max_channels=None if exact else MAX_CHANNELS,
            spatial=spatial.value,
            batch_size=batch_size,
            mode=mode.value,
            output_dir=output_dir,
            overrides=overrides or (),
            loading=lambda done, total: step("reading images", done, total),
            measuring=lambda done, total: step("measuring", done, total),
        )
    if as_json:
        console.results().print_json(json.dumps(result.to_dict(), allow_nan=False))
        return
    console.results().print(result.table())
    console.note(f"\ntables and picture: {result.folder}")


def _check_laws() -> int:
    """Print each closed-form law and whether it holds; 1 when one does not."""
    from nano_u.redundancy.self_check import moment_laws, score_laws

    laws = [*score_laws(), *moment_laws()]
    for law in laws:
        verdict = "ok" if law.holds else f"FAILED: got {law.computed}, expected {law.expected:.6g}"
        console.results().print(f"{law.name}: {verdict}", markup=False, highlight=False, soft_wrap=True)
    return 0 if all(law.holds for law in laws) else 1
