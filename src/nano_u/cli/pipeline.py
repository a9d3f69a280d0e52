"""`nano-u pipeline --data DIR`: from a folder of images and masks to a certified int8 model and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nano_u.cli import console
from nano_u.errors import DeployError

if TYPE_CHECKING:
    from nano_u.config import ExperimentConfig
    from nano_u.workflows.training import TrainingObserver


def pipeline_command(
    data: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of images and masks, or 'synthetic'.", show_default=False)
    ],
    run_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where both runs go; call again to resume.")] = Path(
        "runs/pipeline"
    ),
    teacher: Annotated[
        str | None, typer.Option(metavar="MODEL", help="A trained teacher; one is trained otherwise.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Of the student. [default: 250]", show_default=False)] = None,
    teacher_epochs: Annotated[
        int | None, typer.Option(help="Of the teacher. [default: 100]", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order, augmentation.", show_default=False)] = None,
    enable_nas: Annotated[
        bool, typer.Option("--enable-nas-monitoring", "--enable-nas", help="Monitor redundancy of both networks.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE...",
            help="For the student (epochs=50), or for the teacher (teacher.epochs=50 teacher.model.filters=[32,64]). "
            "Keys of the data and the image size, batch_size, seed and augmentation hold for both.",
        ),
    ] = None,
) -> None:
    """Teacher, distilled and quantisation-aware student, int8 model, proven C files, report: one command.

    Interrupt it at any time and give the same command again: a training that was finished is kept, one that was
    interrupted is done afresh; export, evaluation and report are always done again.
    """
    from nano_u.cli.export import show_bundle, show_export
    from nano_u.cli.progress import step_bars
    from nano_u.training.progress import TrainingProgress
    from nano_u.workflows.pipeline import plan_pipeline, run_pipeline
    from nano_u.workflows.training import TrainingObserver

    plan = plan_pipeline(
        data,
        run_dir,
        teacher=teacher,
        epochs=epochs,
        teacher_epochs=teacher_epochs,
        seed=seed,
        monitor=enable_nas,
        overrides=overrides or (),
    )
    lines: list[TrainingProgress] = []
    with step_bars() as step:

        def observer(config: ExperimentConfig) -> TrainingObserver:
            lines.append(TrainingProgress(console.progress(), batch_size=config.batch_size))
            return TrainingObserver(
                loading=lambda done, total: step("reading images", done, total),
                teaching=lambda done, total: step("asking the teacher", done, total),
                callbacks=(lines[-1],),
            )

        try:
            piped = run_pipeline(plan, run_dir, observer=observer, stage=console.announce, progress=step)
        finally:
            for line in lines:
                line.close()
    show_export(piped.exported)
    if not isinstance(piped.bundle, DeployError):
        show_bundle(piped.bundle)
    console.note(f"\ndone in {piped.seconds / 60:.1f} minutes; report: {piped.report.path}")
    piped.raise_problems()
