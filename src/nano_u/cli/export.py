"""`nano-u export MODEL`: int8 files whose sizes and accuracy are proven."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nano_u.cli import console
from nano_u.data.pixel_names import PixelName
from nano_u.errors import ConfigError

if TYPE_CHECKING:
    from nano_u.workflows.c_export import CBundle
    from nano_u.workflows.export import Export

_C_PANEL = "C files"


def export_command(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="Run directory or .keras file; with --c also a .tflite.", show_default=False
        ),
    ],
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of images and masks; the run's own by default.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split to compare accuracy on; test where there is one, else val.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Probability from which a pixel is foreground. [default: 0.5]", show_default=False),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go; RUN/export by default.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="End with LOGISTIC: int8 probabilities instead of logits.")
    ] = False,
    max_iou_drop: Annotated[
        float | None, typer.Option(metavar="X", help="Fail when int8 loses more IoU than this.")
    ] = None,
    calibration_images: Annotated[
        int | None,
        typer.Option(metavar="N", help="Training images that set the ranges; none after --qat. [default: 200]"),
    ] = None,
    keras: Annotated[
        bool, typer.Option("--keras", help="Also write stock.keras, which loads without nano_u installed.")
    ] = False,
    choose_threshold: Annotated[
        bool, typer.Option("--choose-threshold", help="The threshold of highest int8 IoU on validation images.")
    ] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also show which layers lose most by int8, worst first.")
    ] = False,
    c: Annotated[
        Path | None,
        typer.Option("--c", metavar="DIR", help="Also write C files, proven byte for byte.", rich_help_panel=_C_PANEL),
    ] = None,
    camera: Annotated[
        PixelName | None,
        typer.Option(help="What the camera sends; rgb888 by default.", show_default=False, rich_help_panel=_C_PANEL),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="LEFT,TOP,WIDTH,HEIGHT",
            help="The part of the camera's picture that the network sees; all by default.",
            show_default=False,
            rich_help_panel=_C_PANEL,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="CHIP",
            help="Fail where it has too little RAM or flash.",
            show_default=False,
            rich_help_panel=_C_PANEL,
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Prove with all compilers, sanitizers and emulated cores.", rich_help_panel=_C_PANEL
        ),
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="After MODEL: for example dataset.mask_suffix=_mask."),
    ] = None,
) -> None:
    """Write model.tflite (int8 in and out), check its operators, compare with TensorFlow Lite Micro and with float.

    With --c also a bundle that computes the mask row by row in a fraction of an interpreter's RAM: C99 sources, build
    files, a self-test, and a certificate of who computed the same bytes.
    """
    from nano_u.cli.progress import step_bars
    from nano_u.data.camera import parse_crop
    from nano_u.graph.chips import get_chip
    from nano_u.workflows.bundle_folder import check_folder
    from nano_u.workflows.c_export import ProofOptions, bundle_export, bundle_model, facts_beside
    from nano_u.workflows.export import export_model

    chip = get_chip(target) if target else None
    if c is None and (chip is not None or full or camera is not None or crop is not None):
        raise ConfigError("--target, --camera, --crop and --full are about the C files; add --c DIR")
    part = None if crop is None else parse_crop(crop)
    proof = ProofOptions(camera, part, chip, full, split, data, overrides or ())
    if model.suffix == ".tflite" and c is not None:
        _refuse_conversion(
            {
                "--threshold": threshold is not None,
                "--output-dir": output_dir is not None,
                "--probabilities": probabilities,
                "--max-iou-drop": max_iou_drop is not None,
                "--calibration-images": calibration_images is not None,
                "--keras": keras,
                "--choose-threshold": choose_threshold,
                "--sensitivity": sensitivity,
            }
        )
        with step_bars() as step:
            bundle = bundle_model(model, model, c, proof, facts_beside(model), progress=step)
        _finish_bundle(bundle)
        return
    if c is not None:
        check_folder(c)
    with step_bars() as step:
        export = export_model(
            model,
            data=data,
            split=split,
            threshold=threshold,
            output_dir=output_dir,
            probabilities=probabilities or None,
            max_iou_drop=max_iou_drop,
            calibration_images=calibration_images,
            keras=keras,
            sensitive=sensitivity,
            choose_threshold=choose_threshold,
            overrides=overrides or (),
            progress=step,
        )
    show_export(export)
    if c is not None:
        with step_bars() as step:
            bundle = bundle_export(model, export, c, proof, progress=step)
        _finish_bundle(bundle)


def show_export(export: Export) -> None:
    """Accuracy, sizes and files."""
    from nano_u.reporting import accuracy_drop_table, export_table

    out = console.results()
    out.print(accuracy_drop_table(export.float_evaluation, export.int8_evaluation))
    out.print()
    out.print(export_table(export.sizes))
    if export.sensitivity is not None:
        out.print()
        out.print(export.sensitivity)
    verified = export.record.verification
    console.note(f"\nthreshold {export.record.probability_threshold:g}, int8 value {export.record.int8_threshold}")
    if verified is not None and verified.equal_to_micro:
        console.note(f"\nequal to TensorFlow Lite Micro, bit for bit, on {verified.images} images")
    elif verified is not None:
        console.note(f"\nnot compared with TensorFlow Lite Micro: {verified.reason}")
    console.note(f"model: {export.tflite}\nrecord: {export.folder / 'export.json'}")
    if export.stock_keras is not None:
        console.note(f"stock Keras: {export.stock_keras}")


def _refuse_conversion(given: dict[str, bool]) -> None:
    names = [name for name, is_given in given.items() if is_given]
    if names:
        raise ConfigError(
            f"{', '.join(names)}: about the conversion to int8, and a .tflite is int8 already; leave it out"
        )


def _finish_bundle(bundle: CBundle) -> None:
    show_bundle(bundle)
    bundle.raise_unfit()


def show_bundle(bundle: CBundle) -> None:
    """Who computed the same bytes, what the C takes, and how good it is from the camera's bytes on."""
    from nano_u.reporting.certificate import memory_table, witness_table

    out, certificate = console.results(), bundle.certificate
    out.print()
    out.print(witness_table(certificate))
    out.print()
    out.print(memory_table(certificate.memory))
    accuracy = certificate.accuracy
    if accuracy is not None:
        console.note(f"\nIoU on the device, {accuracy.split}: {accuracy.text}")
    if bundle.no_camera is not None:
        console.note(f"\nno camera: {bundle.no_camera}")
    console.note(f"\n{bundle.verdict.text}")
    console.note(f"C: {bundle.folder}; prove it again: nano-u verify {bundle.folder}")
    if bundle.fit is not None:
        console.note(bundle.fit)
