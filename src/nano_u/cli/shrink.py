"""`nano-u shrink MODEL`: redundant channels out, step by step, as long as the accuracy holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nano_u.cli import console

if TYPE_CHECKING:
    from nano_u.reporting.shrink_steps import ShrinkStep
    from nano_u.workflows.shrinking import Plan, Shrunk


def shrink_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run directory, .keras or .h5.", show_default=False)],
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of images and masks; the run's own by default.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="LIMITS",
            help="For example ram=64KB,flash=32KB,macs=2M,params=5k,instructions=20M.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="CHIP", help="Fit this chip; see nano-u estimate.", show_default=False)
    ] = None,
    max_iou_drop: Annotated[float, typer.Option(help="Validation IoU that all cuts together may cost.")] = 0.005,
    steps: Annotated[int, typer.Option(metavar="N", help="At most so many cuts are tried.")] = 40,
    tuning_epochs: Annotated[int, typer.Option(metavar="N", help="Of fine-tuning after each cut.")] = 10,
    final_epochs: Annotated[int, typer.Option(metavar="N", help="Of fine-tuning after the last cut.")] = 30,
    lr: Annotated[float, typer.Option(help="Peak learning rate of fine-tuning.")] = 1e-3,
    teacher: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Fine-tune with it; the run's own by default.", show_default=False),
    ] = None,
    qat: Annotated[
        bool | None,
        typer.Option(
            "--qat/--no-qat",
            help="At the end train under int8 arithmetic; as the run was by default.",
            show_default=False,
        ),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go: MODEL-shrunk; call again to resume.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be changed first.")] = False,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--import", metavar="MODULE...", help="After MODEL: your modules that register the model's own classes."
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE...", help="After MODEL: for example dataset.mask_suffix=_mask."),
    ] = None,
) -> None:
    """Take out what a budget needs least, fine-tune, validate, keep or undo; until the budget is met.

    Without a budget the network gets as small as --max-iou-drop allows. Interrupt it at any time and give the same
    command again.
    """
    from nano_u.cli.progress import step_bars
    from nano_u.cli.user_modules import import_user_modules
    from nano_u.graph.budget import Budget
    from nano_u.graph.chips import get_chip
    from nano_u.workflows.shrink_options import ShrinkObserver, ShrinkOptions
    from nano_u.workflows.shrinking import plan_shrinking, shrink_model

    limits = [*([Budget.parse(budget)] if budget else []), *([Budget.of_chip(get_chip(target))] if target else [])]
    options = ShrinkOptions(
        budget=limits[0].stricter(limits[-1]) if limits else None,
        max_iou_drop=max_iou_drop,
        steps=steps,
        tuning_epochs=tuning_epochs,
        final_epochs=final_epochs,
        learning_rate=lr,
    )
    import_user_modules(modules or ())
    settings = list(overrides or ())
    if teacher:
        settings += [f"teacher_weights={teacher}", "use_distillation=true"]
    if qat is not None:
        settings.append(f"quantization.aware={str(qat).lower()}")
    with step_bars() as step:
        if dry_run:
            _show_plan(plan_shrinking(model, options, data=data, overrides=settings, progress=step))
            return
        observer = ShrinkObserver(progress=step, step=_say)
        shrunk = shrink_model(model, options, data=data, run_path=run_dir, overrides=settings, observer=observer)
    _show(shrunk)
    shrunk.raise_over_budget()


def _say(step: ShrinkStep) -> None:
    verdict = f"  {step.reason}" if step.reason else ""
    console.note(
        f"{step.number:>2}  {step.move}  MACs {step.cost.macs:,}  RAM {step.cost.ram_bytes:,} bytes  "
        f"val IoU {step.iou:.4f}{verdict}"
    )


def _show_plan(plan: Plan) -> None:
    from nano_u.reporting.shrink_steps import StepCost, plan_table

    rows = [(move.text, move.loss) for move in plan.moves]
    console.results().print(plan_table(rows, plan.now, [StepCost.of(move.cost) for move in plan.moves]))
    for name, reason in plan.whole.items():
        console.note(f"{name}: left whole; {reason}")


def _show(shrunk: Shrunk) -> None:
    from nano_u.reporting.shrink_steps import before_after_table, shrink_table

    console.results().print(shrink_table(shrunk.steps, name=shrunk.run.path.name))
    if shrunk.before is not None and shrunk.after is not None:
        console.results().print(before_after_table(shrunk.before, shrunk.after))
    console.note(f"\nrun: {shrunk.run.path}\nnext: nano-u report {shrunk.run.path}; nano-u export {shrunk.run.path}")
