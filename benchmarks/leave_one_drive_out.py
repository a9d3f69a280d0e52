"""Chooses training settings by leave-one-drive-out, never looking at the test split.

    python benchmarks/leave_one_drive_out.py [--data DIR] [--seeds 1] [--only NAME ...] [--set KEY=VALUE ...]
                                             [--distill [KEY=VALUE ...]]

The train and val splits are pooled; each drive (group) in turn is held out, the network is trained on the others with
the settings' own number of epochs, and the IoU of its **last** epoch on the held-out drive is counted, so that no
held-out image chooses anything. Printed per setting: IoU per drive, their mean, the held-out floor, seconds. With
`--distill` a teacher is first trained on the same drives (with the pipeline's settings for it, and those given), once
per seed and drive, and kept in `--teachers`; the network is its student.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from camvid_accuracy import CAMVID
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.data.pipeline import steps_per_epoch
from nano_u.evaluation import MeanMaskFloor, evaluate
from nano_u.models import create_model_from_config, load_model, save_model
from nano_u.training import train_single_model, train_with_distillation
from nano_u.training.batch_norm import momentum_for
from nano_u.workflows.pipeline import TEACHER_DEFAULTS
from nano_u.workflows.prediction import float_predictor_of

WEAK = (
    "augmentation.shift=0.1 augmentation.zoom=0.15 augmentation.exposure=0 augmentation.brightness=0.15 "
    "augmentation.contrast=0.2 augmentation.colour=0.1 training.weight_decay=1e-4"
)
COLOUR = "augmentation.brightness=0.3 augmentation.contrast=0.4 augmentation.colour=0.2"
GEOMETRY = "augmentation.shift=0.2 augmentation.zoom=0.3"
DECAY = "training.weight_decay=0.01"
DICE = "training.loss=bce_dice"
RATE = "learning_rate=3e-3"
SETTINGS: dict[str, str] = {
    "no augmentation": f"{DECAY} {RATE} augmentation.enabled=false",
    "weak, lr 1e-3": f"{WEAK} learning_rate=1e-3",
    "weak": f"{WEAK} {RATE}",
    "weak, exposure 1": f"{WEAK} {RATE} augmentation.exposure=1",
    "exposure 1.5, contrast, colour": f"{WEAK} {RATE} augmentation.exposure=1.5 augmentation.contrast=0.4 "
    "augmentation.colour=0.2",
    "colour": f"{WEAK} {RATE} {COLOUR}",
    "colour, exposure 1": f"{WEAK} {RATE} {COLOUR} augmentation.exposure=1",
    "colour, exposure 1, dice": f"{WEAK} {RATE} {COLOUR} augmentation.exposure=1 {DICE}",
    "colour, geometry": f"{WEAK} {RATE} {COLOUR} {GEOMETRY}",
    "colour, geometry, exposure 1, dice": f"{WEAK} {RATE} {COLOUR} {GEOMETRY} augmentation.exposure=1 {DICE}",
    "colour, geometry, decay, dice": f"{WEAK} {RATE} {COLOUR} {GEOMETRY} {DECAY} {DICE}",
    "colour, geometry, decay, dice, lr 6e-3": f"{WEAK} {COLOUR} {GEOMETRY} {DECAY} {DICE} learning_rate=6e-3",
    "colour, more geometry, decay, dice": f"{WEAK} {RATE} {COLOUR} augmentation.shift=0.3 augmentation.zoom=0.4 "
    f"{DECAY} {DICE}",
    "colour, exposure 0.5, decay, lr 6e-3": f"{WEAK} {COLOUR} augmentation.exposure=0.5 {DECAY} learning_rate=6e-3",
    "weak, exposure 1, decay, lr 1e-2": f"{WEAK} augmentation.exposure=1 {DECAY} learning_rate=1e-2",
    "the defaults": "",
}
"""What was tried; RESULTS.md holds the figures. Settings left out of a line are the defaults."""


def pooled(parts: dict[str, ImageSet]) -> ImageSet:
    """Train and val as one set."""
    sets = [parts[name] for name in ("train", "val") if name in parts]
    return ImageSet(
        np.concatenate([part.images for part in sets]),
        np.concatenate([part.masks for part in sets]),
        sum((part.names for part in sets), ()),
        sum((part.groups for part in sets), ()),
    )


def folds(data: ImageSet) -> Iterator[tuple[str, ImageSet, ImageSet]]:
    """(drive, all other drives, that drive)."""
    groups = np.array(data.groups)
    for drive in sorted(set(data.groups)):
        yield drive, data.select(np.flatnonzero(groups != drive)), data.select(np.flatnonzero(groups == drive))


def trained(config: ExperimentConfig, train: ImageSet, teacher: keras.Model | None = None) -> keras.Model:
    """The network of `config` after its last epoch."""
    keras.utils.set_random_seed(config.seed)
    momentum = momentum_for(steps_per_epoch(len(train), config.batch_size))
    options = config.model.model_dump() | {"batch_norm_momentum": momentum}
    model = create_model_from_config(options, config.model_name)
    if teacher is None:
        train_single_model(model, config, train)
    else:
        train_with_distillation(model, teacher, config, train)
    return model


def kept_teacher(config: ExperimentConfig, train: ImageSet, drive: str, folder: Path) -> keras.Model:
    """The teacher that never saw `drive`; read from `folder` where the same settings were trained before."""
    settings = hashlib.sha256(f"{config.model_dump_json()}{train.fingerprint()}".encode()).hexdigest()[:12]
    path = folder / f"{drive}-{settings}.keras"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        save_model(trained(config, train), path)
    return load_model(path)


def held_out_iou(model: keras.Model, held_out: ImageSet, thresholds: Sequence[float]) -> dict[float, float]:
    """IoU on the held-out drive at each threshold of the probability."""
    logits = float_predictor_of(model).of(held_out)
    return {
        threshold: evaluate(
            logits, held_out, floor_probabilities=None, threshold=threshold, resamples=1
        ).pooled.metrics.iou
        or 0.0
        for threshold in thresholds
    }


def floor_iou(train: ImageSet, held_out: ImageSet) -> float:
    """IoU of the mean training mask on the held-out drive."""
    floor = MeanMaskFloor.fit(train.masks).predict_probabilities()
    blank = np.zeros(held_out.masks.shape, np.float32)
    found = evaluate(blank, held_out, floor_probabilities=floor, resamples=1).pooled.floor
    return 0.0 if found is None else found.iou or 0.0


def _last_wins(overrides: list[str]) -> list[str]:
    """Of several values for one key the last."""
    return list({text.split("=", 1)[0]: text for text in overrides}.values())


def main() -> None:
    """Run every setting over every seed and drive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--set", dest="extra", nargs="+", default=[])
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.5])
    parser.add_argument("--distill", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--teachers", type=Path, default=Path("runs/leave_one_drive_out"))
    arguments = parser.parse_args()
    for name in arguments.only:
        overrides = _last_wins([f"epochs={arguments.epochs}", *SETTINGS[name].split(), *arguments.extra])
        base = load_experiment(None, overrides=overrides)
        data = pooled(load_data(str(arguments.data), base))
        started = time.perf_counter()
        scores: dict[str, dict[str, list[dict[float, float]]]] = {}
        floors: dict[str, float] = {}
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            config, teacher = base.model_copy(update={"seed": seed}), None
            for drive, train, held_out in folds(data):
                floors[drive] = floor_iou(train, held_out)
                if arguments.distill is not None:
                    teachers = load_experiment(
                        None, None, arguments.distill, settings={"seed": seed}, defaults=TEACHER_DEFAULTS
                    )
                    teacher = kept_teacher(teachers, train, drive, arguments.teachers)
                    iou = held_out_iou(teacher, held_out, arguments.thresholds)
                    scores.setdefault("its teachers", {}).setdefault(drive, []).append(iou)
                iou = held_out_iou(trained(config, train, teacher), held_out, arguments.thresholds)
                scores.setdefault(name, {}).setdefault(drive, []).append(iou)
        for label, drives in scores.items():
            for threshold in arguments.thresholds:
                means = {drive: float(np.mean([iou[threshold] for iou in seeds])) for drive, seeds in drives.items()}
                row = "  ".join(f"{drive} {value:.3f} (floor {floors[drive]:.3f})" for drive, value in means.items())
                mean, seconds = np.mean(list(means.values())), time.perf_counter() - started
                print(f"{label:40} threshold {threshold:g}  mean {mean:.4f}  {row}  {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
