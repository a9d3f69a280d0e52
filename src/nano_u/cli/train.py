"""`nano-u train`: from a folder of images and masks to a trained model in a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nano_u.cli import console
from nano_u.errors import ConfigError

if TYPE_CHECKING:
    from nano_u.config import ExperimentConfig
    from nano_u.evaluation import Evaluation
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
    teacher: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Learn from it too: a run directory or .keras.", show_default=False),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Share of the masks' loss; the teacher's is the rest. [default: 0.3]")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Softens both networks' logits. [default: 4]", show_default=False)
    ] = None,
    live_teacher: Annotated[
        bool | None,
        typer.Option("--live-teacher", help="Run the teacher in every step, not once per image.", show_default=False),
    ] = None,
    qat: Annotated[
        bool | None,
        typer.Option("--qat/--no-qat", help="Go on under int8 arithmetic, for the export to keep.", show_default=False),
    ] = None,
    save_format: Annotated[
        Literal["keras", "h5", "savedmodel"], typer.Option(help="Format of a second copy beside best.keras.")
    ] = "keras",
    enable_nas: Annotated[
        bool | None,
        typer.Option(
            "--enable-nas/--no-enable-nas",
            "--enable-nas-monitoring/--no-enable-nas-monitoring",
            help="Measure the redundancy of the layers while training (also --enable-nas-monitoring). Off: nothing "
            "of it runs, whatever the experiment or other options say.",
            show_default=False,
        ),
    ] = None,
    nas_log_dir: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the monitor's files go; nas/ of the run otherwise.")
    ] = None,
    nas_csv_path: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The monitor's metrics CSV; its other files lie beside it.")
    ] = None,
    nas_log_freq: Annotated[
        Literal["epoch", "batch"] | None,
        typer.Option(help="Look once an epoch, or every so many batches. [default: epoch]", show_default=False),
    ] = None,
    nas_batch_freq: Annotated[
        int | None, typer.Option(help="Every so many batches (10); alone it means --nas-log-freq batch.")
    ] = None,
) -> None:
    """Train a network; prints its cost first and its validation accuracy last."""
    from nano_u.config import load_experiment

    monitoring = {
        "nas.log_dir": None if nas_log_dir is None else str(nas_log_dir),
        "nas.csv_path": None if nas_csv_path is None else str(nas_csv_path),
        "nas.log_freq": "batch" if nas_log_freq is None and nas_batch_freq is not None else nas_log_freq,
        "nas.monitor_batch_freq": nas_batch_freq,
    }
    settings = {
        "data": data,
        "model_name": model,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "seed": seed,
        "teacher_weights": teacher,
        "use_distillation": None if teacher is None else True,
        "alpha": alpha,
        "temperature": temperature,
        "live_teacher": live_teacher,
        "quantization.aware": qat,
        "nas.enabled": enable_nas,
        **monitoring,
    }
    resolved = load_experiment(config, experiment, overrides or (), settings=settings)
    if enable_nas is None and not resolved.nas.enabled and any(value is not None for value in monitoring.values()):
        raise ConfigError("--nas-... options: monitoring is off; add --enable-nas, or --no-enable-nas to ignore them")
    if not resolved.use_distillation and any(value is not None for value in (alpha, temperature, live_teacher)):
        raise ConfigError("--alpha, --temperature, --live-teacher: there is no teacher; name one with --teacher")
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
            teaching=lambda done, total: step("asking the teacher", done, total),
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
    """Validation accuracy beside the floor, the most redundant layers, and where the files are."""
    from nano_u.cli.redundancy_summary import most_redundant_table
    from nano_u.reporting import evaluation_table

    out = console.results()
    if trained.validation is not None:
        out.print(evaluation_table(trained.validation, title=f"Validation, best epoch {trained.best_epoch}"))
        out.print()
    if trained.monitored is not None:
        out.print(most_redundant_table(trained.monitored))
        out.print()
    if trained.int8 is not None and trained.validation is not None:
        before, after = _iou(trained.validation), _iou(trained.int8)
        console.note(f"under int8 arithmetic: validation IoU {after}, float {before}")
    if trained.teacher is not None and trained.validation is not None:
        student, teacher = _iou(trained.validation), _iou(trained.teacher)
        console.note(f"on the same images: student IoU {student}, teacher {teacher}")
    console.note(f"run: {trained.run.path}")
    if trained.monitored is not None:
        console.note(f"redundancy over training: {trained.monitored.folder}")
    console.note(f"next: nano-u evaluate {trained.run.path} --split test; nano-u export {trained.run.path}")


def _iou(evaluation: Evaluation) -> str:
    """The pooled IoU; images without foreground, of which none was predicted either, have none."""
    iou = evaluation.pooled.metrics.iou
    return "undefined" if iou is None else f"{iou:.3f}"
