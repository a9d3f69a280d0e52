"""`nano-u train`: from a folder of images and masks to a trained model in a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nano_u.cli import console

if TYPE_CHECKING:
    from nano_u.config import ExperimentConfig
    from nano_u.graph import Architecture
    from nano_u.workflows.training import TrainingRun


def train_command(
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of images and masks, or 'synthetic'.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help="nano_u (default) or bu_net.", show_default=False)] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the images. [default: 50]", show_default=False)
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step. [default: 16]", show_default=False)] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate. [default: 6e-3]", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order, augmentation.", show_default=False)] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML file of experiments.")] = None,
    experiment: Annotated[str | None, typer.Option(metavar="NAME", help="Experiment of that file.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="For example training.loss=bce_dice.")
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go; a new folder under runs/ otherwise.")
    ] = None,
    save_format: Annotated[
        Literal["keras", "h5", "savedmodel"], typer.Option(help="Format of a second copy beside best.keras.")
    ] = "keras",
) -> None:
    """Train a network; prints its cost first and its validation accuracy last."""
    from nano_u.config import load_experiment

    settings = {
        "data": data,
        "model_name": model,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "seed": seed,
    }
    resolved = load_experiment(config, experiment, overrides or (), settings=settings)
    if resolved.verbose_logging:
        console.speak_up()
    trained = train_with_progress(resolved, run_dir, save_format)
    show_outcome(trained)


def train_with_progress(
    config: ExperimentConfig, run_dir: Path | None, save_format: Literal["keras", "h5", "savedmodel"] = "keras"
) -> TrainingRun:
    """Train with a bar for reading, the cost table, and a line that moves with every epoch."""
    from nano_u.cli.progress import step_bars
    from nano_u.training.progress import TrainingProgress
    from nano_u.workflows.training import TrainingObserver, run_training

    line = TrainingProgress(console.progress(), batch_size=config.batch_size)
    with step_bars() as step:
        observer = TrainingObserver(
            loading=lambda done, total: step("reading images", done, total),
            architecture=show_cost,
            callbacks=(line,),
        )
        try:
            return run_training(config, run_path=run_dir, save_format=save_format, observer=observer)
        finally:
            line.close()


def show_cost(architecture: Architecture) -> None:
    """What the network will cost on the device, and which chips it fits."""
    from nano_u.graph import CHIPS, fits, summarise
    from nano_u.reporting.cost_table import cost_summary_table, fit_table

    if console.is_quiet():
        return
    summary = summarise(architecture)
    out = console.results()
    out.print(cost_summary_table(summary))
    out.print()
    out.print(fit_table([fits(summary, chip) for chip in CHIPS]))
    out.print()


def show_outcome(trained: TrainingRun) -> None:
    """Validation accuracy beside the floor, and where the files are."""
    from nano_u.reporting import evaluation_table

    out = console.results()
    if trained.validation is not None:
        out.print(evaluation_table(trained.validation, title=f"Validation, best epoch {trained.best_epoch}"))
        out.print()
    console.note(f"run: {trained.run.path}")
    console.note(f"next: nano-u evaluate {trained.run.path} --split test; nano-u export {trained.run.path}")
