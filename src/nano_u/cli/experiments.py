"""`nano-u experiments run/list/compare`: named experiments of a YAML file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nano_u.cli import console
from nano_u.errors import ConfigError, RunError, TrainingError

if TYPE_CHECKING:
    from rich.table import Table

    from nano_u.config import ExperimentConfig
    from nano_u.workflows.comparison import Comparison
    from nano_u.workflows.experiments import Trial

DEFAULT_FILE = Path("configs/experiments.yaml")
STYLES = {"queued": "dim", "running": "bold", "done": "green", "failed": "bold red"}


def run_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of experiments.")] = DEFAULT_FILE,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAMES]...", help="Which of them; all by default.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per experiment, counted up from its own.")] = 1,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Dataset for all of them, or 'synthetic'.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE...", help="For example epochs=10.")
    ] = None,
    output_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs go.")] = Path("runs/experiments"),
) -> None:
    """Run experiments one after the other; a failing one is reported and the others go on."""
    from nano_u.config import list_experiments
    from nano_u.workflows.experiments import plan_trials, run_experiments

    chosen = names or list(list_experiments(file))
    if not chosen:
        raise ConfigError(f"{file}: names no experiments; `nano-u train --config {file}` runs the file as one")
    planned = plan_trials(
        file, chosen, seeds=seeds, root=output_dir, overrides=overrides or (), settings={"data": data}
    )
    summary = output_dir / "summary.csv"
    with _live_table([trial for trial, _ in planned]) as show:
        trials = run_experiments(planned, _train, changed=show, summary=summary)
    _show_ranking(trials)
    console.note(f"\nsummary: {summary}")
    failed = [trial for trial in trials if trial.status == "failed"]
    if failed:
        raise TrainingError(
            f"{len(failed)} of {len(trials)} runs failed, the first ({failed[0].run}): {failed[0].error}"
        )


def list_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of experiments.")] = DEFAULT_FILE,
) -> None:
    """List the experiments of a file with what they would run."""
    from rich.table import Table
    from rich.text import Text

    from nano_u.config import list_experiments, load_experiment

    names = list_experiments(file)
    if not names:
        console.note(f"{file}: names no experiments; `nano-u train --config {file}` runs the file as one")
        return
    table = Table("experiment", "model", "epochs", "batch", "learning rate", "loss", "data", box=None, pad_edge=False)
    for name in names:
        config = load_experiment(file, name)
        table.add_row(
            Text(name),
            config.model_name,
            str(config.epochs),
            str(config.batch_size),
            f"{config.learning_rate:g}",
            config.training.loss,
            Text(config.data or "-"),
        )
    console.results().print(table)


def compare_command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="Run directories, or a folder of them.")],
    output_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the picture goes.")] = Path("plots"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the tables.")] = False,
) -> None:
    """Rank finished runs by validation IoU over seeds, with what they cost, and draw IoU against cost."""
    from nano_u.workflows.comparison import compare_runs, draw_comparison

    comparison = compare_runs(runs)
    picture = draw_comparison(comparison, output_dir)
    if as_json:
        report = {**comparison.to_dict(), "picture": None if picture is None else str(picture)}
        console.results().print_json(json.dumps(report, allow_nan=False))
    else:
        _show_comparison(comparison, picture)
    if comparison.left_out:
        count = f"{len(comparison.left_out)} of {comparison.runs} runs left out"
        raise RunError(f"{count}, the first: {comparison.left_out[0].reason}")


def _train(config: ExperimentConfig, run: Path, report: Callable[[str], None]) -> Any:
    from keras.callbacks import LambdaCallback

    from nano_u.workflows.training import TrainingObserver, run_training

    def on_epoch_end(epoch: int, logs: dict[str, Any]) -> None:
        name = "val_iou" if "val_iou" in logs else "iou"
        report(f"epoch {epoch + 1}/{config.epochs}, {name} {float(logs[name]):.3f}")

    return run_training(
        config, run_path=run, observer=TrainingObserver(callbacks=(LambdaCallback(on_epoch_end=on_epoch_end),))
    )


@contextmanager
def _live_table(trials: Sequence[Trial]) -> Iterator[Callable[[Sequence[Trial]], None]]:
    """Yields a function that shows the trials: a table kept up to date, or without a terminal a line per result."""
    from rich.live import Live

    target = console.progress()
    if target.is_terminal:
        with Live(_trials_table(trials), console=target, auto_refresh=False) as live:
            yield lambda trials: live.update(_trials_table(trials), refresh=True)
        return
    told: set[Path] = set()

    def tell(trials: Sequence[Trial]) -> None:
        for trial in trials:
            if trial.status in ("done", "failed") and trial.run not in told:
                told.add(trial.run)
                target.print(_line(trial), markup=False, highlight=False, soft_wrap=True)

    yield tell


def _line(trial: Trial) -> str:
    outcome = trial.error or ("" if trial.val_iou is None else f"val IoU {trial.val_iou:.4f}")
    return ", ".join(
        part for part in (f"{trial.experiment} seed {trial.seed}: {trial.status}", trial.note, outcome) if part
    )


def _trials_table(trials: Sequence[Trial]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("experiment", "seed", "status", "val IoU", "best epoch", "note", box=None, pad_edge=False)
    for trial in trials:
        table.add_row(
            Text(trial.experiment),
            str(trial.seed),
            Text(trial.status, style=STYLES[trial.status]),
            "" if trial.val_iou is None else f"{trial.val_iou:.4f}",
            "" if trial.best_epoch is None else str(trial.best_epoch),
            Text(trial.error or trial.note),
        )
    return table


def _show_comparison(comparison: Comparison, picture: Path | None) -> None:
    for table in comparison.tables():
        console.results().print(table, "")
    console.note(f"picture: {picture}" if picture else "no picture: no experiment has both a validation IoU and a cost")


def _show_ranking(trials: Sequence[Trial]) -> None:
    from rich.table import Table
    from rich.text import Text

    from nano_u.workflows.experiments import rank

    table = Table("rank", "experiment", "mean val IoU", "std", "runs", "failed", box=None, pad_edge=False)
    for place, row in enumerate(rank(trials), start=1):
        table.add_row(
            str(place) if row.mean_iou is not None else "-",
            Text(row.experiment),
            "-" if row.mean_iou is None else f"{row.mean_iou:.4f}",
            "-" if row.spread is None else f"{row.spread:.4f}",
            str(row.done),
            str(row.failed),
        )
    console.results().print(table)
