"""`nano-u evaluate MODEL`: accuracy of a float or int8 model beside the no-learning floor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nano_u.cli import console
from nano_u.data.pixel_names import PixelName
from nano_u.errors import ConfigError


def evaluate_command(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Run directory, .keras, .h5 or .tflite; with --as-device also an export folder.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of images and masks; the run's own by default.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    threshold: Annotated[float, typer.Option(help="Probability from which a pixel is foreground.")] = 0.5,
    output_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Where tables and pictures go.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="After MODEL: for example dataset.mask_suffix=_mask."),
    ] = None,
    as_device: Annotated[
        bool,
        typer.Option(
            "--as-device",
            help="Evaluate the int8 model from camera bytes on, in the device's integers, at each image's own size.",
        ),
    ] = False,
    camera: Annotated[
        PixelName | None,
        typer.Option(help="With --as-device: what the camera sends; rgb888 by default.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Accuracy per group and pooled, threshold sweep, precision-recall curve, gallery of the worst images."""
    from nano_u.cli.progress import step_bars
    from nano_u.workflows.evaluate import evaluate_model

    if camera is not None and not as_device:
        raise ConfigError("--camera says how the device gets its images; add --as-device")
    with step_bars() as step:
        result = evaluate_model(
            model,
            data=data,
            split=split,
            threshold=threshold,
            output_dir=output_dir,
            overrides=overrides or (),
            camera=(camera or "rgb888") if as_device else None,
            loading=lambda done, total: step("reading images", done, total),
            predicting=lambda done, total: step("predicting", done, total),
        )
    if as_json:
        console.results().print_json(json.dumps(result.evaluation.to_dict(), allow_nan=False))
        return
    console.results().print(result.table())
    console.note(f"\ntables and pictures: {result.folder}")
