"""Which way of choosing the channels to keep costs least, folded or not, before and after equal fine-tuning.

    python benchmarks/channel_selection.py [--data DIR] [--seeds 1 2 3 4 5] [--fractions 0.25 0.5] [--runs DIR]

Trains the default network for each seed, then takes the same share of the filters out of every layer at once. Channels
are kept by our choice (pivoted Cholesky at what reads them), by the L1 norm of the filters that make them, by their
variance where they are read, and by chance; the others are folded into what reads them by least squares, or left out as
they are. Road IoU on the test split right after the cut and after the same fine-tuning, mean over seeds, beside the
no-learning floor and the whole network; then paired differences to ours, folded, with Student's 95 % interval. Test
images decide nothing. Rows that `--runs` holds already are read, not trained again.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import numpy.typing as npt

from ablation import float_iou, floors
from camvid_accuracy import CAMVID, trained
from intervals import machine, t_interval
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, as_floats, load_data
from nano_u.models import load_model
from nano_u.redundancy import Moments
from nano_u.runs import read_json, write_json
from nano_u.surgery import ChannelGroup, channel_groups, choose_channels, cut_channels, measure_readers
from nano_u.training import train_single_model
from nano_u.training.checkpoint import BestModel
from nano_u.training.reproducibility import prepare_process
from nano_u.workflows.shrinking import MEASURED_IMAGES

METHODS = ("ours", "L1 magnitude", "variance", "chance")
WAYS = ("folded", "left out")

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Unrelated:
    """Moments of channels that tell nothing of each other: folding by them is leaving channels out as they are."""

    width: int

    @property
    def mean(self) -> Array:
        """Zero, so that no offset is made up for."""
        return np.zeros(self.width)

    @property
    def covariance(self) -> Array:
        """The identity."""
        return np.eye(self.width)


@dataclass(frozen=True)
class Settings:
    """What one call of the benchmark holds fixed."""

    data: str
    runs: Path
    epochs: int
    tuning_epochs: int

    def config(self, seed: int) -> ExperimentConfig:
        """Of the whole network's training."""
        return load_experiment(None, settings={"data": self.data, "epochs": self.epochs, "seed": seed})


def keeps_of(
    method: str, model: keras.Model, moments: Mapping[str, Moments], fraction: float, seed: int
) -> dict[str, list[int]]:
    """The channels that stay, by group: as many for every method."""
    rng = np.random.default_rng(seed)
    keeps = {}
    for group in (one for one in channel_groups(model) if one.fixed is None):
        count = group.width - int(group.width * fraction)
        if method == "ours":
            keeps[group.name] = list(choose_channels(group, model, moments, count).keep)
        else:
            scores = rng.random(group.width) if method == "chance" else _scores(method, group, model, moments)
            keeps[group.name] = sorted(np.argsort(-scores, kind="stable")[:count].tolist())
    return keeps


def _scores(method: str, group: ChannelGroup, model: keras.Model, moments: Mapping[str, Moments]) -> Array:
    """How much each channel seems to matter."""
    total = np.zeros(group.width)
    if method == "L1 magnitude":
        for name in group.producers:
            kernel = np.abs(np.asarray(model.get_layer(name).kernel, np.float64))
            total += kernel.reshape(-1, kernel.shape[-1]).sum(axis=0)
        return total
    for reader in group.readers:
        variance = np.diagonal(moments[reader.layer].covariance)
        total += variance[reader.start : reader.start + group.width]
    return total


def measure(seed: int, fraction: float, settings: Settings, splits: dict[str, ImageSet]) -> dict[str, dict[str, float]]:
    """Test IoU by row and group of images, before and after fine-tuning, of one seed."""
    config = settings.config(seed)
    run = trained(config, settings.runs / f"seed{seed}")
    network = load_model(run.best_model_path)
    moments = measure_readers(network, as_floats(splits["train"].spread(MEASURED_IMAGES).images))
    rows = {"whole network": float_iou(network, splits["test"])}
    for method in METHODS:
        keeps = keeps_of(method, network, moments, fraction, seed)
        for way in WAYS:
            kept = run.path / f"{cut_name(fraction, settings.tuning_epochs, method, way)}.json"
            if not kept.is_file():
                used = moments if way == "folded" else {name: Unrelated(len(one.mean)) for name, one in moments.items()}
                smaller = cut_channels(network, keeps, used).model
                write_json(kept, _before_and_after(smaller, config, settings, splits, kept.with_suffix(".keras")))
            for when, iou in read_json(kept).items():
                rows[f"{method}, {way}, {when}"] = iou
                print(f"seed {seed}, {fraction:.0%} of all filters gone, {method}, {way}, {when}: {iou['pooled']:.4f}")
    return rows


def cut_name(fraction: float, tuning_epochs: int, method: str, way: str) -> str:
    """Of the files that hold one row: all that its numbers depend on, beside the run's own settings."""
    return f"cut-{fraction:g}-{tuning_epochs}-epochs-{method.replace(' ', '-')}-{way.replace(' ', '-')}"


def _before_and_after(
    smaller: keras.Model, config: ExperimentConfig, settings: Settings, splits: dict[str, ImageSet], best: Path
) -> dict[str, dict[str, float]]:
    prepare_process(seed=config.seed, threads=config.training.threads, deterministic=config.training.deterministic)
    before = float_iou(smaller, splits["test"])
    short = config.model_copy(update={"epochs": settings.tuning_epochs, "learning_rate": 1e-3})
    train_single_model(smaller, short, splits["train"], splits["val"], callbacks=[BestModel(best)])
    return {"cut": before, "fine-tuned": float_iou(load_model(best), splits["test"])}


def report(fraction: float, found: Sequence[Mapping[str, Mapping[str, float]]], floor: Mapping[str, float]) -> None:
    """One table per share of filters."""
    groups = list(floor)
    print(f"\n{fraction:.0%} of the filters of every layer gone: road IoU on test, mean of {len(found)} seeds\n")
    print(
        "| kept by | " + " | ".join(groups) + " | pooled, ours folded minus this |\n|---|" + "---|" * (len(groups) + 1)
    )
    print("| no-learning floor | " + " | ".join(f"{floor[group]:.3f}" for group in groups) + " | |")
    for row in found[0]:
        cells = [f"{statistics.fmean(seed[row][group] for seed in found):.3f}" for group in groups]
        print(f"| {row} | {' | '.join(cells)} | {_difference(row, found)} |")


def _difference(row: str, found: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    when = row.rpartition(", ")[2]
    ours = f"ours, folded, {when}"
    if row == ours or ours not in found[0]:
        return ""
    return t_interval([seed[ours]["pooled"] - seed[row]["pooled"] for seed in found]).text(3, sign=True)


def main() -> int:
    """Train what is not there yet, then print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.25, 0.5])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--tuning-epochs", type=int, default=10)
    parser.add_argument("--runs", type=Path, default=Path("runs/channel_selection"))
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: {arguments.data} is absent (its licence keeps it out of the project)")
        return 0
    print(machine())
    settings = Settings(str(arguments.data), arguments.runs, arguments.epochs, arguments.tuning_epochs)
    splits = load_data(settings.data, settings.config(0))
    for fraction in arguments.fractions:
        found = [measure(seed, fraction, settings, splits) for seed in arguments.seeds]
        report(fraction, found, floors(splits))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
