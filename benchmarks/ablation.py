"""What distillation and training under int8 arithmetic each bring, on real images, over several seeds.

    python benchmarks/ablation.py [--data DIR] [--seeds 1 2 3] [--networks default published] [--runs DIR]

For each seed a teacher, and for each network and seed two float trainings of equal length, plain and distilled. From
the best model of each, three ways on: none (int8 by conversion), more float training (the control), and the same number
of steps under int8 arithmetic. Road IoU on the test split, float / int8 (reference kernels), beside the no-learning
floor; then paired differences over seeds with Student's 95 % interval. Rows that `--runs` holds already are read, not
trained again. Exits 1 when a target is missed, and says so when the data set is absent.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from camvid_accuracy import CAMVID, VARIANTS, by_group, trained
from intervals import machine, t_interval
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, as_floats, load_data
from nano_u.deploy import convert_int8
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.evaluation import evaluate
from nano_u.models import architecture_of, load_model
from nano_u.runs import RunDirectory, read_json, write_json
from nano_u.training import train_quantization_aware, train_single_model, train_with_distillation
from nano_u.training.checkpoint import BestModel
from nano_u.training.quantization_aware_model import carry_back
from nano_u.training.reproducibility import prepare_process
from nano_u.training.trained_int8 import trained_int8
from nano_u.workflows.export import calibration_set
from nano_u.workflows.pipeline import TEACHER_DEFAULTS
from nano_u.workflows.prediction import float_predictor_of, int8_predictor_of
from nano_u.workflows.source import floor_of

NETWORKS: dict[str, tuple[str, ...]] = {
    "default": (),
    "published": VARIANTS["published"],
}
TEACHERS: dict[str, tuple[str, ...]] = {
    "default": (),
    "published": ("model.filters=[32, 64]", "model.bottleneck=128"),  # 60x80 cannot be halved three times
}
WAYS_ON = ("none", "float", "int8")
LABELS = {
    ("plain", "none"): "plain",
    ("plain", "float"): "plain, then float",
    ("plain", "int8"): "plain, then int8",
    ("distilled", "none"): "distilled",
    ("distilled", "float"): "distilled, then float",
    ("distilled", "int8"): "distilled, then int8",
}
PAIRS = (
    ("distilled", "plain", "int8"),
    ("plain, then int8", "plain, then float", "int8"),
    ("distilled, then int8", "plain, then int8", "int8"),
    ("distilled, then int8", "distilled, then float", "int8"),
    ("distilled, then int8", "plain, then float", "int8"),
    ("distilled, then float", "plain, then float", "float"),
)
"""(a row, the row it is compared with, which arithmetic): what each part adds to equal steps."""

TARGETS = {"default": 0.80, "published": 0.74}
TEACHER_TARGET, TEACHER_MODES = 0.84, 0.01
EPOCHS, TUNING_EPOCHS = 250, 30


@dataclass(frozen=True)
class Settings:
    """What one call of the benchmark holds fixed."""

    data: str
    runs: Path
    epochs: int
    tuning_epochs: int
    overrides: tuple[str, ...]
    teachers: tuple[str, ...]

    def config(self, network: str, seed: int, teacher: Path | None) -> ExperimentConfig:
        """Of a student's first training."""
        given = {"data": self.data, "epochs": self.epochs, "seed": seed, "quantization.epochs": self.tuning_epochs}
        if teacher is not None:
            given |= {"use_distillation": True, "teacher_weights": str(teacher)}
        return load_experiment(None, overrides=[*NETWORKS[network], *self.overrides], settings=given)


def settings_for(
    network: str,
    data: str,
    runs: Path,
    epochs: int = EPOCHS,
    tuning_epochs: int = TUNING_EPOCHS,
    *,
    overrides: Sequence[str] = (),
    teachers: Sequence[str] = (),
) -> Settings:
    """Those of one of `NETWORKS` and its teachers; `runs` has a folder for each size of image."""
    height, width, channels = load_experiment(None, overrides=list(NETWORKS[network])).model.input_shape
    shape = f"model.input_shape=[{height}, {width}, {channels}]"
    folder = runs / f"{height}x{width}"
    return Settings(data, folder, epochs, tuning_epochs, tuple(overrides), (shape, *TEACHERS[network], *teachers))


def floors(splits: Mapping[str, ImageSet]) -> dict[str, float]:
    """IoU of the mean training mask on the test split."""
    test = splits["test"]
    blank = np.zeros(test.masks.shape, np.float32)
    return by_group(evaluate(blank, test, floor_probabilities=floor_of(dict(splits)), resamples=1))[1]


def float_iou(network: keras.Model, test: ImageSet) -> dict[str, float]:
    """Test IoU in float arithmetic."""
    return by_group(evaluate(float_predictor_of(network).of(test), test, floor_probabilities=None, resamples=1))[0]


def int8_iou(tflite: bytes, test: ImageSet) -> dict[str, float]:
    """Test IoU as the device computes it."""
    return by_group(evaluate(int8_predictor_of(tflite).of(test), test, floor_probabilities=None, resamples=1))[0]


def goes_on(
    way: str, run: RunDirectory, config: ExperimentConfig, splits: dict[str, ImageSet], teacher: keras.Model | None
) -> dict[str, dict[str, float]]:
    """Test IoU, float and int8, of the run's best model after more training of one kind."""
    prepare_process(seed=config.seed, threads=config.training.threads, deterministic=config.training.deterministic)
    network, options = load_model(run.best_model_path), config.quantization
    train_data, val_data, test = splits["train"], splits["val"], splits["test"]
    best = run.path / f"further-{way}.keras"
    if way == "int8":
        train_quantization_aware(network, config, train_data, val_data, teacher=teacher, callbacks=[BestModel(best)])
        twin = load_model(best)
        tflite = write_tflite(trained_int8(twin, architecture_of(network)))
        carry_back(twin, network)
        return {"float": float_iou(network, test), "int8": int8_iou(tflite, test)}
    if way == "float":
        longer = config.model_copy(update={"epochs": options.epochs, "learning_rate": options.learning_rate})
        if teacher is None:
            train_single_model(network, longer, train_data, val_data, callbacks=[BestModel(best)])
        else:
            train_with_distillation(network, teacher, longer, train_data, val_data, callbacks=[BestModel(best)])
        network = load_model(best)
    images = as_floats(calibration_set(train_data, config.export.calibration_images).images)
    return {"float": float_iou(network, test), "int8": int8_iou(convert_int8(network, images), test)}


def rows_of(
    network: str, seed: int, settings: Settings, teacher: RunDirectory, splits: dict[str, ImageSet]
) -> dict[str, dict[str, dict[str, float]]]:
    """All six rows of one network and seed."""
    rows = {}
    for kind in ("plain", "distilled"):
        taught = teacher if kind == "distilled" else None
        run = student_run(network, seed, settings, taught)
        config = settings.config(network, seed, None if taught is None else taught.path)
        for way in WAYS_ON:
            kept = run.path / f"further-{way}.json"
            if not kept.is_file():
                model = None if taught is None else load_model(taught.best_model_path)
                write_json(kept, goes_on(way, run, config, splits, model))
            rows[LABELS[kind, way]] = read_json(kept)
            line = ", ".join(f"{name} {value['pooled']:.4f}" for name, value in rows[LABELS[kind, way]].items())
            print(f"{network}, seed {seed}, {LABELS[kind, way]}: {line}", flush=True)
    return rows


def teacher_run(seed: int, settings: Settings) -> RunDirectory:
    """The teacher, trained unless it is there."""
    given = {"data": settings.data, "seed": seed}
    config = load_experiment(None, None, settings.teachers, settings=given, defaults=TEACHER_DEFAULTS)
    return trained(config, settings.runs / f"teacher-seed{seed}")


def student_run(network: str, seed: int, settings: Settings, teacher: RunDirectory | None) -> RunDirectory:
    """The first training of a network, distilled where there is a teacher; trained unless it is there."""
    kind = "plain" if teacher is None else "distilled"
    config = settings.config(network, seed, None if teacher is None else teacher.path)
    return trained(config, settings.runs / f"{network}-{kind}-seed{seed}")


def teacher_of(
    seed: int, settings: Settings, splits: dict[str, ImageSet]
) -> tuple[RunDirectory, dict[str, float], float]:
    """The teacher's run, its test IoU, and how far its training- and inference-mode IoU lie apart."""
    run = teacher_run(seed, settings)
    check = read_json(run.metrics_path)["batch_norm"]
    apart = abs(check["training_iou"] - check["inference_iou"])
    return run, float_iou(load_model(run.best_model_path), splits["test"]), apart


def report_teachers(found: Mapping[int, tuple[RunDirectory, dict[str, float], float]]) -> int:
    """The teachers' table; returns the number of missed targets."""
    groups = list(next(iter(found.values()))[1])
    print("\n| teacher, seed | " + " | ".join(groups) + " | modes apart |\n|---|" + "---|" * (len(groups) + 1))
    for seed, (_, iou, apart) in found.items():
        print(f"| {seed} | " + " | ".join(f"{iou[group]:.3f}" for group in groups) + f" | {apart:.4f} |")
    mean = statistics.fmean(iou["pooled"] for _, iou, _ in found.values())
    largest = max(apart for *_, apart in found.values())
    met = mean >= TEACHER_TARGET
    print(f"mean pooled {mean:.3f}, target {TEACHER_TARGET}: {'met' if met else 'MISSED'}; modes within {largest:.4f}")
    return int(not met) + int(largest > TEACHER_MODES)


def report(network: str, found: Mapping[int, dict[str, dict[str, dict[str, float]]]], floor: dict[str, float]) -> int:
    """One network's table and paired differences; returns the number of missed targets."""
    rows = list(LABELS.values())
    groups = list(floor)
    print(f"\n{network}: road IoU on test, mean (standard deviation) of {len(found)} seeds\n")
    heads = [f"{group}, {kind}" for group in groups for kind in ("float", "int8")]
    print("| training | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    print("| no-learning floor | " + " | ".join(f"{floor[group]:.3f} | " for group in groups) + "|")
    for row in rows:
        cells = []
        for group in groups:
            for kind in ("float", "int8"):
                values = [seed[row][kind][group] for seed in found.values()]
                spread = f" ({statistics.stdev(values):.3f})" if len(values) > 1 else ""
                cells.append(f"{statistics.fmean(values):.3f}{spread}")
        print(f"| {row} | " + " | ".join(cells) + " |")
    print("\n| paired difference, pooled | mean [95 %] | shown |\n|---|---|---|")
    for row, other, kind in PAIRS:
        difference = t_interval([seed[row][kind]["pooled"] - seed[other][kind]["pooled"] for seed in found.values()])
        print(f"| {row} - {other}, {kind} | {difference.text(4, sign=True)} | {difference.verdict} |")
    reached = statistics.fmean(seed["distilled, then int8"]["int8"]["pooled"] for seed in found.values())
    met = reached >= TARGETS[network]
    print(f"\ndistilled, then int8: {reached:.4f}, target {TARGETS[network]}: {'met' if met else 'MISSED'}")
    return int(not met)


def main() -> int:
    """Train what is not there yet, then print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--teacher-seeds", type=int, nargs="+", help="those of the students; fewer are taken in turn")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--tuning-epochs", type=int, default=TUNING_EPOCHS)
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--set", dest="overrides", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--teacher-set", dest="teachers", nargs="+", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: {arguments.data} is absent (its licence keeps it out of the project)")
        return 0
    print(machine())
    missed = 0
    for network in arguments.networks:
        settings = settings_for(
            network,
            str(arguments.data),
            arguments.runs,
            arguments.epochs,
            arguments.tuning_epochs,
            overrides=arguments.overrides,
            teachers=arguments.teachers,
        )
        splits = load_data(settings.data, settings.config(network, 0, None))
        teachers = {seed: teacher_of(seed, settings, splits) for seed in arguments.teacher_seeds or arguments.seeds}
        runs = itertools.cycle(run for run, *_ in teachers.values())
        pairs = list(zip(arguments.seeds, runs, strict=False))
        found = {seed: rows_of(network, seed, settings, run, splits) for seed, run in pairs}
        missed += report_teachers(teachers) + report(network, found, floors(splits))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
