"""What a teacher costs in training: the student alone, with the teacher's cached logits, and with a live teacher.

    python benchmarks/distillation_throughput.py [--pairs 7] [--images 512]

Default student and BU-Net teacher at 48x64, batch 16, augmentation on, random images in memory, validation off. All
three train in one process with the threads that `nano-u train` sets, and take turns epoch by epoch; their first epochs
(tracing) are not counted. Printed: the median of the epochs' images per second, its ratio to the student alone, and the
range of the ratios round by round; and how long the cache took against one pass of the teacher over the same images.
Exits 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from nano_u.config import AugmentationConfig, ExperimentConfig
from nano_u.data.pipeline import training_batches
from nano_u.losses import with_soft_targets
from nano_u.models import create_bu_net, create_nano_u
from nano_u.training.distillation import compilation_of
from nano_u.training.fit import Compilation, compile_for_training
from nano_u.training.reproducibility import prepare_process
from nano_u.training.soft_targets import BATCH_SIZE, teacher_logits

BATCH = 16
LEAST_RATIO, MOST_CACHE_RATIO = 0.85, 1.2
PUBLISHED = "0.3 to 0.4"
ALONE, CACHED, LIVE = "student alone", "cached teacher", "live teacher"


def trainer(batches: tf.data.Dataset, steps: int, compilation: Compilation | None) -> Callable[[], Any]:
    """One epoch of `fit` per call."""
    student = create_nano_u()
    compile_for_training(student, ExperimentConfig(), steps, compilation)
    return lambda: student.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)


def teacher_pass(teacher: keras.Model, images: np.ndarray) -> float:
    """Seconds of one bare pass over the images."""
    started = time.perf_counter()
    for start in range(0, len(images), BATCH_SIZE):
        teacher.predict_on_batch(images[start : start + BATCH_SIZE].astype(np.float32) / 255.0)
    return time.perf_counter() - started


def cache_ratios(teacher: keras.Model, images: np.ndarray, rounds: int) -> list[float]:
    """Seconds of making the cache over seconds of a bare pass, in turns."""
    teacher_pass(teacher, images[:BATCH_SIZE])
    ratios = []
    for _ in range(rounds):
        bare = teacher_pass(teacher, images)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            teacher_logits(teacher, images, folder=Path(folder))
            ratios.append((time.perf_counter() - started) / bare)
    return ratios


def contenders(images: np.ndarray, masks: np.ndarray, teacher: keras.Model) -> dict[str, Callable[[], Any]]:
    """The three trainings by name."""
    steps = len(images) // BATCH
    options = {"batch_size": BATCH, "seed": 0, "augmentation": AugmentationConfig()}
    plain = training_batches((images, masks), **options)
    cached = training_batches((images, masks), soft_targets=teacher_logits(teacher, images), **options)

    def asked(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return x, with_soft_targets(y, teacher(x, training=False))

    compilation = compilation_of(ExperimentConfig())
    return {
        ALONE: trainer(plain, steps, None),
        CACHED: trainer(cached, steps, compilation),
        LIVE: trainer(plain.map(asked, num_parallel_calls=2).prefetch(2), steps, compilation_of(ExperimentConfig())),
    }


def main() -> int:
    """Measure, print both tables, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--images", type=int, default=512)
    arguments = parser.parse_args()
    prepare_process(seed=0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (arguments.images, 48, 64, 3), np.uint8)
    masks = (images.mean(axis=-1, keepdims=True) > 128).astype(np.uint8)
    teacher = create_bu_net()
    epochs = contenders(images, masks, teacher)
    speeds: dict[str, list[float]] = {name: [] for name in epochs}
    for round_ in range(arguments.pairs + 1):
        for name, epoch in epochs.items():
            started = time.perf_counter()
            epoch()
            if round_:
                speeds[name].append(len(images) / (time.perf_counter() - started))
    print(
        f"{arguments.images} images, batch {BATCH}, {arguments.pairs} interleaved rounds; published tool: {PUBLISHED}"
    )
    missed = 0
    for name, values in speeds.items():
        ratios = [value / base for value, base in zip(values, speeds[ALONE], strict=True)]
        ratio = statistics.median(values) / statistics.median(speeds[ALONE])
        verdict = ""
        if name == CACHED:
            verdict = f">= {LEAST_RATIO:g}" + ("" if ratio >= LEAST_RATIO else " MISSED")
            missed += ratio < LEAST_RATIO
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"{name:16} {statistics.median(values):8.0f} images/s {ratio:6.2f} x {spread:>11} {verdict}")
    ratios = cache_ratios(teacher, images, 3)
    ratio = statistics.median(ratios)
    missed += ratio > MOST_CACHE_RATIO
    verdict = f"<= {MOST_CACHE_RATIO:g}" + ("" if ratio <= MOST_CACHE_RATIO else " MISSED")
    print(f"cache: {ratio:.2f} x one pass of the teacher ({min(ratios):.2f}-{max(ratios):.2f}) {verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
