"""Accuracy on real images over several seeds, float and int8, beside the no-learning floor.

    python benchmarks/camvid_accuracy.py [--data DIR] [--seeds 1 2 3] [--variants default after_pointwise]

Every row is one `train` with the default settings, one `evaluate` on the test split and one `export`, into `--runs`.
A run that is there already with the very same settings is read, not trained again; with other settings it is refused.
Exits 1 when a target is missed, and says so when the data set is absent.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.errors import NanoUError
from nano_u.evaluation import Evaluation
from nano_u.runs import RunDirectory
from nano_u.workflows import export_model, run_training
from nano_u.workflows.resuming import train_unless_finished

CAMVID = Path(__file__).resolve().parents[2] / "shared" / "data" / "camvid_road_160x120"
VARIANTS = {
    "default": (),
    "after_pointwise": ("model.upsample=after_pointwise",),
    "published": (
        "model.input_shape=[60, 80, 3]",
        "model.filters=[4, 8, 16]",
        "model.bottleneck=16",
        "model.pool_sizes=[2, 2, [3, 2]]",
    ),
}
TARGETS = {"pooled": 0.78, "Seq05VD": 0.79}
INT8_LIMIT = 0.005


@dataclass(frozen=True)
class Row:
    """Test IoU of one seed by group, float and int8, with the floor, and the seconds of training."""

    seed: int
    float_iou: dict[str, float]
    int8_iou: dict[str, float]
    floor: dict[str, float]
    seconds: float


def by_group(evaluation: Evaluation) -> tuple[dict[str, float], dict[str, float]]:
    """IoU of the model and of the floor, pooled and per group."""
    results = (evaluation.pooled, *evaluation.groups)
    floors = {row.name: row.floor.iou or 0.0 for row in results if row.floor is not None}
    return {row.name: row.metrics.iou or 0.0 for row in results}, floors


def trained(config: ExperimentConfig, path: Path) -> RunDirectory:
    """The run at `path`, trained unless it is there with the very same settings; RunError for others."""
    train_unless_finished(config, path, lambda: run_training(config, run_path=path))
    return RunDirectory(path)


def measure(variant: str, seed: int, *, data: Path, epochs: int, runs: Path) -> Row:
    """Train (unless it is done), then compare float and int8 on the test split."""
    path = runs / f"{variant}-seed{seed}"
    settings = {"data": str(data), "epochs": epochs, "seed": seed}
    config = load_experiment(None, overrides=VARIANTS[variant], settings=settings)
    started = time.perf_counter()
    trained(config, path)
    seconds = time.perf_counter() - started
    export = export_model(path, split="test")
    float_iou, floor = by_group(export.float_evaluation)
    return Row(seed, float_iou, by_group(export.int8_evaluation)[0], floor, seconds)


def report(variant: str, rows: list[Row]) -> int:
    """Print the table of one variant; returns the number of missed targets (of the default network only)."""
    groups = list(rows[0].float_iou)
    print(f"\n{variant}: road IoU on test, float / int8")
    print(f"{'seed':>6}" + "".join(f"{group:>18}" for group in groups) + f"{'training s':>12}")
    print(f"{'floor':>6}" + "".join(f"{rows[0].floor[group]:18.3f}" for group in groups))
    for row in rows:
        cells = "".join(f"{row.float_iou[group]:10.4f} /{row.int8_iou[group]:6.4f}" for group in groups)
        print(f"{row.seed:>6}{cells}{row.seconds:12.0f}")
    means = {group: statistics.fmean(row.float_iou[group] for row in rows) for group in groups}
    int8 = {group: statistics.fmean(row.int8_iou[group] for row in rows) for group in groups}
    print(f"{'mean':>6}" + "".join(f"{means[group]:10.4f} /{int8[group]:6.4f}" for group in groups))
    if len(rows) > 1:
        spread = {group: statistics.stdev(row.float_iou[group] for row in rows) for group in groups}
        print(f"{'std':>6}" + "".join(f"{spread[group]:10.4f}        " for group in groups))
    if variant != "default":
        return 0
    missed = [f"{group} {means[group]:.4f} < {target}" for group, target in TARGETS.items() if means[group] < target]
    drop = means["pooled"] - int8["pooled"]
    missed += [f"int8 loses {drop:.4f} > {INT8_LIMIT}"] if drop > INT8_LIMIT else []
    print("targets: " + ("met" if not missed else "MISSED: " + "; ".join(missed)))
    return len(missed)


def main() -> int:
    """Measure the asked-for variants one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["default", "after_pointwise"])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--runs", type=Path, default=Path("runs/camvid_accuracy"))
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: {arguments.data} is absent (its licence keeps it out of the project)")
        return 0
    missed = 0
    for variant in arguments.variants:
        options = {"data": arguments.data, "epochs": arguments.epochs, "runs": arguments.runs}
        try:
            rows = [measure(variant, seed, **options) for seed in arguments.seeds]
        except NanoUError as error:
            raise SystemExit(f"camvid_accuracy: {error}") from error
        missed += report(variant, rows)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
