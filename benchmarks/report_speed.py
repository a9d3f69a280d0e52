"""How long `nano-u report` takes on a long run, and how large its page is.

    python benchmarks/report_speed.py [--epochs 200] [--layers 40] [--channels 64] [--repeats 3]

A made run: 200 epochs, 40 layers of 64 channels, correlation matrices recorded, an evaluation with a gallery of eight
images of 160x120, learning curves and an architecture. Each repeat is a fresh process, from its start to its end.
Prints the median of the seconds and the size; exits 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from intervals import machine
from nano_u.config import ExperimentConfig, config_to_yaml
from nano_u.data.image_set import ImageSet
from nano_u.evaluation import MeanMaskFloor, choose_gallery, evaluate, save_gallery
from nano_u.graph import nano_u, summarise, write_architecture
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import RunFacts, open_sinks
from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer
from nano_u.runs import MonitorPaths, RunDirectory, write_json, write_text_atomic

SECONDS_LIMIT = 5.0
BYTES_LIMIT = 5_000_000


def main() -> int:
    """Measure, print, and say whether the limits are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder) / "run", given.epochs, given.layers, given.channels)
        seconds = [seconds_of_report(run) for _ in range(given.repeats)]
        size = (run / "report.html").stat().st_size
    median = statistics.median(seconds)
    print(machine())
    print(f"{given.epochs} epochs, {given.layers} layers of {given.channels} channels")
    print(f"seconds: {median:.2f} (median of {given.repeats}; limit {SECONDS_LIMIT:.0f})")
    print(f"bytes:   {size:,} (limit {BYTES_LIMIT:,})")
    return int(median > SECONDS_LIMIT or size > BYTES_LIMIT)


def seconds_of_report(run: Path) -> float:
    """Seconds of the whole command in a process of its own."""
    program = "import sys; from nano_u.cli.main import main; sys.exit(main())"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, "report", str(run), "--quiet"], check=True)
    return time.perf_counter() - start


def make_run(path: Path, epochs: int, layers: int, channels: int) -> Path:
    """A run directory with every file that a report reads, but the export."""
    run = RunDirectory(path)
    path.mkdir()
    write_text_atomic(run.config_path, config_to_yaml(ExperimentConfig()))
    network = nano_u(filters=(channels,) * 4, bottleneck=channels, blocks_per_stage=max(1, layers // 20))
    write_architecture(network, run.graph_path)
    rows = (f"{epoch},{1 - 1 / epoch},{1 / epoch},{1 - 1.1 / epoch},{1.2 / epoch}" for epoch in range(1, epochs + 1))
    write_text_atomic(run.history_path, "\n".join(["epoch,iou,loss,val_iou,val_loss", *rows, ""]))
    write_evaluation(run)
    relus = [node.name for node in network.nodes if node.op == "relu"]
    names = [relus[index] if index < len(relus) else f"layer_{index}" for index in range(layers)]
    facts = RunFacts(network.name, parameters=None, macs=summarise(network).macs, seed=0, settings={})
    files = open_sinks(MonitorPaths.of("nano_u", path / "nas"), facts, tensorboard=False)
    measured = [measured_layer(name, channels, index) for index, name in enumerate(names)]
    random = np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        scattered = tuple(with_another_score(layer, random.normal(scale=0.02)) for layer in measured)
        files.write(StepRecord(epoch, 23 * epoch, scattered, aggregate(scattered)))
        files.write_epoch(epoch, 1 - 1.1 / epoch)
    files.close()
    return path


def measured_layer(name: str, channels: int, seed: int) -> LayerRedundancy:
    """A layer of random activations that share some directions; the more, the higher its number."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(400, 16, 8)) @ random.normal(size=(8, channels))
    x = random.normal(size=(400, 16, channels)) + seed / 40 * shared
    moments = GroupMoments.from_samples(x, np.arange(400) % 20)
    return measure_layer(moments, layer=name, mode="inference", linear_input=True)


def with_another_score(layer: LayerRedundancy, change: float) -> LayerRedundancy:
    """The same layer, its score moved within [0, 1]."""
    assert layer.redundancy_score is not None
    return dataclasses.replace(layer, redundancy_score=min(1.0, max(0.0, layer.redundancy_score + change)))


def write_evaluation(run: RunDirectory) -> None:
    """Final metrics, an evaluation and its gallery, of 40 noisy images of 120x160."""
    random = np.random.default_rng(0)
    masks = np.arange(120)[None, :, None] >= random.integers(40, 80, size=(40, 1, 160))
    images = (np.where(masks[..., None], 150, 60) + random.integers(0, 90, size=(40, 120, 160, 3))).astype(np.uint8)
    logits = (np.where(masks, 1.0, -1.0) + random.normal(size=masks.shape))[..., None].astype(np.float32)
    names = tuple(f"drive_{index:03d}" for index in range(40))
    image_set = ImageSet(images, masks[..., None].astype(np.uint8), names, ("drive",) * 40)
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    evaluation = evaluate(logits, image_set, floor_probabilities=floor).to_dict()
    write_json(run.metrics_path, {"best_epoch": 1, "epochs": 1, "validation": evaluation})
    folder = run.evaluation_dir("test")
    folder.mkdir(parents=True)
    write_json(folder / "metrics.json", evaluation)
    save_gallery(folder / "gallery.npz", choose_gallery(logits, image_set))


if __name__ == "__main__":
    sys.exit(main())
