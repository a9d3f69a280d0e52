"""`nano-u demo`: the whole main job on built-in synthetic terrain, no data needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nano_u.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from nano_u.workflows.demo import Demo


def demo_command(
    epochs: Annotated[int | None, typer.Option(min=1, help="Fewer are quicker and worse.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="For example model.skips=true.")
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go; a new folder under runs/ otherwise.")
    ] = None,
) -> None:
    """Train on synthetic terrain under the redundancy monitor, evaluate, export to int8 and C, and write the report."""
    from nano_u.cli.progress import step_bars
    from nano_u.cli.redundancy_summary import most_redundant_table
    from nano_u.cli.train import show_cost
    from nano_u.training.progress import TrainingProgress
    from nano_u.workflows.demo import demo_config, run_demo
    from nano_u.workflows.training import TrainingObserver

    config = demo_config(epochs, seed, overrides or ())
    line = TrainingProgress(console.progress(), batch_size=config.batch_size)
    with step_bars() as step:
        observer = TrainingObserver(architecture=show_cost, callbacks=(line,))
        try:
            demo = run_demo(config, run_path=run_dir, observer=observer, stage=console.announce, progress=step)
        finally:
            line.close()
    out = console.results()
    if demo.trained.monitored is not None:
        out.print(most_redundant_table(demo.trained.monitored))
        out.print()
    out.print(_summary(demo))
    _say_where(demo)


def _summary(demo: Demo) -> Table:
    """The demo's one table: accuracy beside its floor, then what the int8 model takes."""
    from rich.table import Table

    pooled, record = demo.evaluated.evaluation.pooled, demo.exported.record
    int8 = demo.exported.int8_evaluation.pooled
    table = Table("", "float", "int8", "no-learning floor", title="nano_u on synthetic terrain, test scenes", box=None)
    floor = pooled.floor
    for label, name in (("IoU", "iou"), ("F1", "f1"), ("precision", "precision"), ("recall", "recall")):
        values = [None if part is None else getattr(part, name) for part in (pooled.metrics, int8.metrics, floor)]
        table.add_row(label, *("-" if value is None else f"{value:.3f}" for value in values))
    summary, verified = record.summary, record.verification
    arena = None if verified is None else verified.arena_bytes
    table.add_row("weights", "", f"{summary.weight_bytes:,} bytes", "")
    table.add_row("RAM, peak of activations", "", f"{summary.peak_activation_bytes:,} bytes", "")
    table.add_row("RAM, TensorFlow Lite Micro arena", "", "not recorded" if arena is None else f"{arena:,} bytes", "")
    certificate = demo.bundle.certificate
    memory, accuracy = certificate.memory, certificate.accuracy
    table.add_row("RAM of the C files", "", f"{memory.ram_bytes:,} bytes{memory.ram_lacks}", "")
    table.add_row("flash of the C files", "", f"{memory.flash_bytes:,} bytes{memory.flash_lacks}", "")
    if accuracy is not None and accuracy.iou is not None:
        floor_iou = "-" if accuracy.floor is None else f"{accuracy.floor:.3f}"
        table.add_row("IoU on the device, from camera bytes", "", f"{accuracy.iou:.3f}", floor_iou)
    return table


def _say_where(demo: Demo) -> None:
    run, verified = demo.trained.run, demo.exported.record.verification
    if verified is not None and verified.equal_to_micro:
        console.note(f"\nint8 output equals TensorFlow Lite Micro bit for bit on {verified.images} images")
    console.note(f"\nC files: {demo.bundle.verdict.text}")
    console.note(f"\ndone in {demo.seconds:.0f} s; look at:")
    monitored = demo.trained.monitored
    redundancy = () if monitored is None else (("redundancy over training", monitored.folder),)
    for what, path in (
        ("worst, median and best images", demo.evaluated.folder / "gallery.png"),
        ("precision and recall", demo.evaluated.folder / "precision_recall.png"),
        ("accuracy table", demo.evaluated.folder / "table.txt"),
        ("int8 model", demo.exported.tflite),
        ("C files with their certificate", demo.bundle.folder),
        ("learning curves", run.path / "history.png"),
        *redundancy,
    ):
        console.note(f"  {what}: {path}")
    console.note(f"\nreport, all of it on one page: {demo.report.path}")
