"""What the decorrelation penalty does: redundancy and accuracy with `redundancy_weight` on and off, over seeds.

    python benchmarks/redundancy_weight.py [--data DIR] [--seeds 1 2 3] [--weights 0.01 0.1 1] [--epochs 60]

Every row is one `train` of the default network with the monitor on, which adds the penalty; weight 0 is the same
training without it, from the same seed. Of the best checkpoint (by validation IoU, which knows no penalty): redundancy
over all validation images in inference mode, and IoU on validation and test images beside the no-learning floor.
Differences are paired by seed, with mean and 95 % t interval, printed whatever they are. A run in `--runs` that is
finished is read, not trained again.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from camvid_accuracy import CAMVID
from intervals import machine, t_interval
from nano_u.config import load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.errors import NanoUError
from nano_u.evaluation import Evaluation, MeanMaskFloor, evaluate
from nano_u.models import load_model
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.monitoring.offline import analyze_layers
from nano_u.redundancy import LayerRedundancy, aggregate
from nano_u.runs import RunDirectory
from nano_u.workflows import run_training
from nano_u.workflows.prediction import float_predictor_of
from nano_u.workflows.resuming import train_unless_finished
from nano_u.workflows.training import TrainingObserver


@dataclass(frozen=True)
class Row:
    """One training. All fields in [0, 1]: `score` and `correlation` weigh layers by channels; `removable` is the share
    of the channels at linear consumers that the others replace; IoU is of the class, pixels pooled."""

    weight: float
    seed: int
    score: float
    correlation: float
    removable: float
    val_iou: float
    test_iou: float
    val_floor: float
    test_floor: float


MEASURED = ("score", "correlation", "removable", "val_iou", "test_iou")
TITLES = {
    "score": "redundancy score",
    "correlation": "mean abs(r)",
    "removable": "removable",
    "val_iou": "val IoU",
    "test_iou": "test IoU",
}


def measure(weight: float, seed: int, *, data: Path, epochs: int, runs: Path) -> Row:
    """Train (unless it is done), then measure the best checkpoint."""
    path = runs / f"weight{weight:g}-seed{seed}-epochs{epochs}"
    config = load_experiment(None, settings={"data": str(data), "epochs": epochs, "seed": seed})

    def train() -> None:
        monitor = NASMonitorCallback(redundancy_weight=weight, log_dir=path / "nas", strict=True)
        run_training(config, run_path=path, observer=TrainingObserver(callbacks=(monitor,)))

    train_unless_finished(config, path, train)
    model = load_model(RunDirectory(path).best_model_path)
    splits = load_data(str(data), config)
    layers = analyze_layers(model, splits["val"])
    whole = aggregate(layers)
    floor = MeanMaskFloor.fit(splits["train"].masks).predict_probabilities()
    predictor = float_predictor_of(model)
    val, test = (_evaluation(predictor.of(splits[name]), splits[name], floor) for name in ("val", "test"))
    return Row(
        weight,
        seed,
        whole.redundancy_score or 0.0,
        whole.correlation_mean or 0.0,
        removable_share(layers),
        val.pooled.metrics.iou or 0.0,
        test.pooled.metrics.iou or 0.0,
        _floor_iou(val),
        _floor_iou(test),
    )


def removable_share(layers: Sequence[LayerRedundancy]) -> float:
    """Channels that can go, of those in layers with advice; 0 without any."""
    advised = [layer for layer in layers if layer.removable is not None]
    channels = sum(layer.num_channels for layer in advised)
    return sum((layer.removable or 0.0) * layer.num_channels for layer in advised) / channels if channels else 0.0


def _evaluation(logits: np.ndarray, images: ImageSet, floor: np.ndarray) -> Evaluation:
    return evaluate(logits, images, floor_probabilities=floor, resamples=1)


def _floor_iou(evaluation: Evaluation) -> float:
    floor = evaluation.pooled.floor
    return 0.0 if floor is None or floor.iou is None else floor.iou


def paired_differences(rows: Sequence[Row], weight: float, field: str) -> list[float]:
    """`field` with `weight` minus without, seed by seed."""
    without = {row.seed: getattr(row, field) for row in rows if row.weight == 0}
    return [getattr(row, field) - without[row.seed] for row in rows if row.weight == weight]


def report(rows: Sequence[Row], weights: Sequence[float]) -> None:
    """Every run, the means, and the paired differences."""
    titles = ["weight", "seed", *(TITLES[field] for field in MEASURED)]
    print(f"\n| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    floors = f"{rows[0].val_floor:.4f} | {rows[0].test_floor:.4f}"
    print(f"| no-learning floor | | | | | {floors} |")
    for row in rows:
        print(f"| {row.weight:g} | {row.seed} | {' | '.join(f'{getattr(row, field):.4f}' for field in MEASURED)} |")
    for weight in weights:
        members = [row for row in rows if row.weight == weight]
        means = [f"{statistics.fmean(getattr(row, field) for row in members):.4f}" for field in MEASURED]
        print(f"| **{weight:g}** | mean | {' | '.join(means)} |")
    print("\nWith the penalty minus without, paired by seed: mean [95 % t interval]\n")
    print(f"| weight | {' | '.join(TITLES[field] for field in MEASURED)} |\n|{'---|' * (len(MEASURED) + 1)}")
    for weight in weights:
        if weight == 0:
            continue
        cells = [t_interval(paired_differences(rows, weight, field)).text(4, sign=True) for field in MEASURED]
        print(f"| {weight:g} | {' | '.join(cells)} |")


def main() -> int:
    """Train every weight over every seed and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.01, 0.1, 1.0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--runs", type=Path, default=Path("runs/redundancy_weight"))
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"skipped: {options.data} is absent (its licence keeps it out of the project)")
        return 0
    weights = sorted({0.0, *options.weights})
    rows = []
    for seed in options.seeds:
        for weight in weights:
            try:
                row = measure(weight, seed, data=options.data, epochs=options.epochs, runs=options.runs)
            except NanoUError as error:
                raise SystemExit(f"redundancy_weight: {error}") from error
            rows.append(row)
            print(f"weight {weight:g}, seed {seed}: score {row.score:.4f}, val IoU {row.val_iou:.4f}", flush=True)
    report(sorted(rows, key=lambda row: (row.weight, row.seed)), weights)
    print(
        f"\nDefault network, {options.epochs} epochs, {len(options.seeds)} seeds; penalty on the default selection of "
        f"layers, no warm-up; {machine()}. Not measured: the int8 models, what the penalty gains after channels are "
        "removed, other data."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
