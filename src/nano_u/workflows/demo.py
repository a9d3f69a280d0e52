"""The whole main job once, on built-in synthetic terrain: train under the monitor, evaluate, export, prove, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.workflows.c_export import CBundle, ProofOptions, bundle_export
from nano_u.workflows.evaluate import EvaluationRun, evaluate_model
from nano_u.workflows.export import Export, Progress, export_model
from nano_u.workflows.report import WrittenReport, write_report
from nano_u.workflows.training import TrainingObserver, TrainingRun, run_training

EPOCHS = 40


@dataclass(frozen=True)
class Demo:
    """What the demo made, and how many seconds it took."""

    trained: TrainingRun
    evaluated: EvaluationRun
    exported: Export
    bundle: CBundle
    report: WrittenReport
    seconds: float


def demo_config(epochs: int | None = None, seed: int = 0, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Default network and settings on synthetic terrain but for `EPOCHS` and monitoring, which is on.

    `overrides` are texts (`batch_size=32`).
    """
    settings = {"data": "synthetic", "epochs": epochs, "seed": seed}
    defaults = {"epochs": EPOCHS, "nas.enabled": True}
    return load_experiment(None, None, overrides, settings=settings, defaults=defaults)


def run_demo(
    config: ExperimentConfig,
    *,
    run_path: Path | None = None,
    observer: TrainingObserver | None = None,
    stage: Callable[[str], None] = lambda name: None,
    progress: Progress | None = None,
) -> Demo:
    """Train, evaluate on the test split, export with the default settings, prove its C, and put it on one page.

    `stage` is told what begins.
    """
    started = time.perf_counter()
    stage("training on synthetic terrain")
    trained = run_training(config, run_path=run_path, observer=observer)
    stage("evaluating on the test scenes, which training has not seen")
    evaluated = evaluate_model(trained.run.path)
    stage("exporting to int8")
    exported = export_model(trained.run.path, progress=progress)
    stage("writing C files and proving their bytes")
    bundle = bundle_export(trained.run.path, exported, exported.folder / "c", ProofOptions(), progress=progress)
    stage("writing the report")
    report = write_report([trained.run.path])
    bundle.raise_unfit()
    return Demo(trained, evaluated, exported, bundle, report, time.perf_counter() - started)
