"""What `nano-u shrink` makes of trained networks, against the same shape trained from scratch for as many epochs.

    python benchmarks/shrinking.py [--cases half default ram published] [--data DIR] [--seeds 1 2 3] [--runs DIR]

half:       the distilled default network (of `ablation.py`) to half of its MACs and int8 weights, with its teacher;
            targets: -50 % MACs, -50 % int8 weights, at most 0.005 test IoU lost
default:    the default network, trained without a teacher, as small as 0.005 of validation IoU allows; the same targets
ram:        the default network into 64 KB of RAM
published:  a network twice as wide as the published one, to the published one's MACs and half its RAM, against the
            published shape itself

Networks are trained for 250 epochs unless `--epochs` says otherwise; the control gets those and all epochs of
fine-tuning, also of steps that were undone, and the teacher where the other had one. Road IoU on the test split (looked
at once, at the end), beside the no-learning floor; paired differences over seeds with Student's 95 % interval. What
`--runs` holds is read, not computed again; what was made with other options is refused. Exits 1 when a target is
missed, and says so when the data set is absent.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from ablation import float_iou, floors, settings_for, student_run, teacher_run
from camvid_accuracy import CAMVID, VARIANTS, trained
from intervals import machine, t_interval
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.errors import RunError
from nano_u.graph import CostSummary, summarise
from nano_u.graph.budget import Budget
from nano_u.models import architecture_of, create_model_from_config, load_model
from nano_u.reporting.shrink_steps import ShrinkStep, read_steps
from nano_u.runs import RunDirectory, read_json, write_json
from nano_u.training import train_single_model, train_with_distillation
from nano_u.training.checkpoint import BestModel
from nano_u.training.reproducibility import prepare_process
from nano_u.workflows.shrink_options import ShrinkObserver, ShrinkOptions
from nano_u.workflows.shrinking import shrink_model

PUBLISHED = VARIANTS["published"]
LARGEST_LOSS, LEAST_SAVING = 0.005, 0.5


@dataclass(frozen=True)
class Case:
    """What is shrunk, how far, and the shape of the control (None: that of the result)."""

    start: tuple[str, ...]
    max_iou_drop: float
    budget: str | None = None
    control: tuple[str, ...] | None = None
    taught: bool = False
    final_epochs: int = 30


CASES = {
    "half": Case((), 0.005, "macs=5.53M,params=8.5k", taught=True, final_epochs=60),
    "default": Case((), 0.005),
    "ram": Case((), 0.02, "ram=64KB"),
    "published": Case(
        (*PUBLISHED, "model.filters=[8, 16, 32]", "model.bottleneck=32"), 0.02, "macs=2.40M,ram=41KB", PUBLISHED
    ),
}


@dataclass(frozen=True)
class Result:
    """One seed: costs before, after and of the control, and test IoU of the three by group of images."""

    seed: int
    costs: tuple[CostSummary, CostSummary, CostSummary]
    iou: tuple[dict[str, float], dict[str, float], dict[str, float]]
    steps: tuple[ShrinkStep, ...]
    over_budget: str | None


@dataclass(frozen=True)
class Settings:
    """What one call of the benchmark holds fixed."""

    data: str
    runs: Path
    ablation: Path
    epochs: int
    steps: int
    tuning_epochs: int

    def config(self, overrides: Sequence[str], seed: int) -> ExperimentConfig:
        """Of a plain training."""
        return load_experiment(
            None, overrides=list(overrides), settings={"data": self.data, "epochs": self.epochs, "seed": seed}
        )

    def start(self, name: str, case: Case, seed: int) -> tuple[RunDirectory, RunDirectory | None]:
        """What will be shrunk, and its teacher; trained unless they are there."""
        if not case.taught:
            return trained(self.config(case.start, seed), self.runs / f"{_start_name(name)}-seed{seed}"), None
        ablation = settings_for("default", self.data, self.ablation, self.epochs)
        teacher = teacher_run(seed, ablation)
        return student_run("default", seed, ablation, teacher), teacher


def measure(name: str, case: Case, seed: int, settings: Settings, splits: dict[str, ImageSet]) -> Result:
    """Train, shrink, and train the control; reads what is there."""
    start, teacher = settings.start(name, case, seed)
    options = ShrinkOptions(
        budget=None if case.budget is None else Budget.parse(case.budget),
        max_iou_drop=case.max_iou_drop,
        steps=settings.steps,
        tuning_epochs=settings.tuning_epochs,
        final_epochs=case.final_epochs,
    )
    small = RunDirectory(settings.runs / f"{name}-shrunk-seed{seed}")
    check_options(small, options, start.best_model_path)
    if not small.is_finished:
        write_json(_allowed_path(small), {"steps": options.steps})
        observer = ShrinkObserver(
            step=lambda step: print(f"{name}, seed {seed}: {step.move}: {step.iou:.4f} {step.reason}", flush=True)
        )
        shrink_model(start.path, options, run_path=small.path, observer=observer)
    steps = read_steps(small.shrink_path)
    path = settings.runs / f"{name}-control-seed{seed}.keras"
    config = load_experiment(start.config_path) if case.control is None else settings.config(case.control, seed)
    config = config.model_copy(update={"epochs": settings.epochs + _epochs_spent(steps, options)})
    shape = load_model(small.best_model_path) if case.control is None else _built(config)
    control = _control(path, config, shape, None if teacher is None else load_model(teacher.best_model_path), splits)
    print(f"{name}, seed {seed}: control of {config.epochs} epochs", flush=True)
    networks = [load_model(path) for path in (start.best_model_path, small.best_model_path, control)]
    costs = [summarise(architecture_of(network)) for network in networks]
    iou = [float_iou(network, splits["test"]) for network in networks]
    return Result(
        seed,
        (costs[0], costs[1], costs[2]),
        (iou[0], iou[1], iou[2]),
        steps,
        None if options.budget is None else options.budget.explain(costs[1]) or None,
    )


def check_options(small: RunDirectory, options: ShrinkOptions, start: Path) -> None:
    """RunError where `small` holds a shrinking of another network than `start`, or with other options."""
    if not small.shrink_path.is_file():
        return
    digest = hashlib.sha256(start.read_bytes()).hexdigest()
    expected = {**options.record(), "model_sha256": digest, "steps": options.steps}
    allowed = _allowed_path(small)
    found = {**read_json(small.shrink_path)["began_with"], **(read_json(allowed) if allowed.is_file() else {})}
    others = [name for name, value in expected.items() if name not in found or found[name] != value]
    if others:
        raise RunError(f"{small.path}: was made with other {', '.join(others)}; remove it or give another --runs")


def _allowed_path(small: RunDirectory) -> Path:
    """How many steps were allowed: a shrinking's own record leaves that open, because it may go on with more."""
    return small.path.with_name(f"{small.path.name}.json")


def _start_name(case: str) -> str:
    return "default" if case == "ram" else case


def _epochs_spent(steps: Sequence[ShrinkStep], options: ShrinkOptions) -> int:
    """Of fine-tuning, kept or not."""
    tuned = (step for step in steps if step.kind not in ("start", "dead"))
    return sum(options.final_epochs if step.kind == "tuning" else options.epochs_after(step.kind) for step in tuned)


def _built(config: ExperimentConfig) -> keras.Model:
    return create_model_from_config(config.model.model_dump(), config.model_name)


def _control(
    path: Path, config: ExperimentConfig, shape: keras.Model, teacher: keras.Model | None, splits: dict[str, ImageSet]
) -> Path:
    """`path`, where the best of a network of that shape lies that was trained from scratch as `config` says."""
    done = path.with_suffix(".json")
    if done.is_file() and path.is_file() and read_json(done)["epochs"] == config.epochs:
        return path
    prepare_process(seed=config.seed, threads=config.training.threads, deterministic=config.training.deterministic)
    network, best = keras.models.clone_model(shape), [BestModel(path)]  # a clone has new weights
    if teacher is None:
        train_single_model(network, config, splits["train"], splits["val"], callbacks=best)
    else:
        train_with_distillation(network, teacher, config, splits["train"], splits["val"], callbacks=best)
    write_json(done, {"epochs": config.epochs})
    return path


def report(name: str, case: Case, results: Sequence[Result], floor: dict[str, float]) -> int:
    """Tables of one case; returns the number of missed targets."""
    groups = list(floor)
    labels = ("before", "shrunk", "from scratch")
    print(
        f"\n{name}: test IoU, and cost\n\n| seed, network | MACs | int8 weights | RAM, bytes | {' | '.join(groups)} |"
    )
    print("|---|" + "---|" * (len(groups) + 3))
    print(f"| no-learning floor | | | | {' | '.join(f'{floor[group]:.3f}' for group in groups)} |")
    for result in results:
        for label, cost, iou in zip(labels, result.costs, result.iou, strict=True):
            cells = " | ".join(f"{iou[group]:.3f}" for group in groups)
            price = f"{cost.macs:,} | {cost.weight_bytes:,} | {cost.arena_estimate_bytes:,}"
            print(f"| {result.seed}, {label} | {price} | {cells} |")
    print("\n| difference of test IoU | " + " | ".join(groups) + " |\n|---|" + "---|" * len(groups))
    for label, first, second in (("shrunk - before", 1, 0), ("shrunk - from scratch", 1, 2)):
        cells = []
        for group in groups:
            cells.append(
                t_interval([one.iou[first][group] - one.iou[second][group] for one in results]).text(4, sign=True)
            )
        print(f"| {label} | {' | '.join(cells)} |")
    for result in results:
        kept = sum(step.kept for step in result.steps[1:])
        minutes = sum(step.seconds for step in result.steps) / 60
        over = "" if case.budget is None else f"; budget {case.budget}: {result.over_budget or 'met'}"
        print(f"seed {result.seed}: {kept} of {len(result.steps) - 1} steps kept, {minutes:.1f} minutes{over}")
    if case.control is not None:
        _compare(results)
    if case.max_iou_drop > LARGEST_LOSS:
        return sum(result.over_budget is not None for result in results)
    return _missed(results)


def _compare(results: Sequence[Result]) -> None:
    """Whether the shrunken network is shown to be better or worse than the control, pooled."""
    difference = t_interval([one.iou[1]["pooled"] - one.iou[2]["pooled"] for one in results])
    print(f"shrunk against the control: {difference.verdict}")
    for what in ("macs", "weight_bytes", "arena_estimate_bytes"):
        share = statistics.fmean(getattr(one.costs[1], what) / getattr(one.costs[2], what) for one in results)
        print(f"{what}: {share:.2f} x the control's")


def _missed(results: Sequence[Result]) -> int:
    missed = 0
    for what in ("macs", "weight_bytes"):
        saving = statistics.fmean(1 - getattr(one.costs[1], what) / getattr(one.costs[0], what) for one in results)
        missed += saving < LEAST_SAVING
        print(f"{what}: -{saving:.1%}, target -{LEAST_SAVING:.0%}: {'met' if saving >= LEAST_SAVING else 'MISSED'}")
    for group in ("pooled", "Seq05VD"):
        if group not in results[0].iou[0]:
            continue
        loss = statistics.fmean(one.iou[0][group] - one.iou[1][group] for one in results)
        missed += loss > LARGEST_LOSS
        verdict = "met" if loss <= LARGEST_LOSS else "MISSED"
        print(f"test IoU lost, {group}: {loss:+.4f}, limit {LARGEST_LOSS}: {verdict}")
    return missed


def main() -> int:
    """Compute what is not there yet, then print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=250)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tuning-epochs", type=int, default=8)
    parser.add_argument("--runs", type=Path, default=Path("runs/shrinking"))
    parser.add_argument("--ablation", type=Path, default=Path("runs/ablation"))
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: {arguments.data} is absent (its licence keeps it out of the project)")
        return 0
    print(machine())
    settings = Settings(
        str(arguments.data),
        arguments.runs,
        arguments.ablation,
        arguments.epochs,
        arguments.steps,
        arguments.tuning_epochs,
    )
    missed = 0
    for name in arguments.cases:
        case = CASES[name]
        splits = load_data(settings.data, settings.config(case.start, 0))
        results = [measure(name, case, seed, settings, splits) for seed in arguments.seeds]
        missed += report(name, case, results, floors(splits))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
