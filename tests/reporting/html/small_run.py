"""A complete run directory of made-up numbers, with any names, in a fraction of a second and without TensorFlow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.reporting.html.small_certificate import TFLITE_SHA, small_certificate
from tests.reporting.made_run import write_records

from nano_u.config import DatasetConfig, ExperimentConfig, QuantizationConfig, config_to_yaml
from nano_u.data.image_set import ImageSet
from nano_u.evaluation import Evaluation, MeanMaskFloor, choose_gallery, evaluate, save_gallery
from nano_u.graph import Architecture, nano_u, summarise, write_architecture
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import RunFacts
from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer
from nano_u.runs import MonitorPaths, RunDirectory, read_json, write_json, write_text_atomic

EPOCHS = 6


@dataclass(frozen=True)
class Names:
    """Every name that someone else chose and a page shows."""

    model: str = "nano_u"
    layer: str = ""
    """Put before the name of every layer."""
    image: str = ""
    """Put before the name of every image."""
    group: str = "drive"
    data: str = "camvid"
    setting: str = ""


PLAIN = Names()


def write_small_run(path: Path, *, names: Names = PLAIN, seed: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    """A trained, monitored, evaluated, exported and certified run; `size` is that of the gallery's images."""
    run, network = RunDirectory(path), small_network(names)
    path.mkdir(parents=True)
    config = ExperimentConfig(seed=seed, data=names.data, dataset=DatasetConfig(mask_suffix=names.setting))
    write_text_atomic(run.config_path, config_to_yaml(config))
    write_json(run.provenance_path, _provenance(names, seed))
    write_architecture(network, run.graph_path)
    write_text_atomic(run.history_path, _history())
    image_set, logits = _images(names, seed, size)
    evaluation = _evaluate(image_set, logits)
    write_json(run.metrics_path, {"best_epoch": 5, "epochs": EPOCHS, "validation": evaluation.to_dict()})
    folder = run.evaluation_dir("test")
    folder.mkdir(parents=True)
    write_json(folder / "metrics.json", {"model": "best.keras", "split": "test", **evaluation.to_dict()})
    save_gallery(folder / "gallery.npz", choose_gallery(logits, image_set))
    run.export_dir.mkdir()
    write_json(run.export_dir / "export.json", _export(evaluation, _evaluate(image_set, logits - 0.3)))
    write_json(run.certificate_path, small_certificate(layer=names.layer, model=names.model).to_dict())
    write_monitor(path / "nas", network, seed)
    return path


def refine_small_run(run: Path, *, from_first_epoch: bool = False) -> Path:
    """Make it a distilled run that was fine-tuned under int8 arithmetic, or trained under it from the start."""
    directory = RunDirectory(run)
    config = ExperimentConfig(quantization=QuantizationConfig(aware=True, from_first_epoch=from_first_epoch))
    write_text_atomic(directory.config_path, config_to_yaml(config))
    if not from_first_epoch:
        write_text_atomic(directory.qat_history_path, _history(epochs=3))
    images, logits = _images(PLAIN, 0, (8, 8))
    metrics, record = read_json(directory.metrics_path), read_json(directory.export_dir / "export.json")
    int8, teacher = _evaluate(images, logits - 0.3).to_dict(), _evaluate(images, 2 * logits + 0.1).to_dict()
    refined = {"best_epoch": 2, "epochs": 3, "validation": int8}
    write_json(directory.metrics_path, {**metrics, "quantization_aware": refined, "teacher": teacher})
    threshold = {"probability_threshold": 0.45, "int8_threshold": -11, "threshold_chosen_on": "val"}
    write_json(directory.export_dir / "export.json", {**record, **threshold})
    taught = {"path": "runs/teacher/best.keras", "sha256": "5a12" * 16, "parameters": 363_176}
    write_json(directory.provenance_path, {**read_json(directory.provenance_path), "teacher": taught})
    return run


def small_network(names: Names = PLAIN) -> Architecture:
    """A network of one stage whose layers carry the names' prefix."""
    network = nano_u((16, 16, 3), [4], 4, names.model, blocks_per_stage=1)
    nodes = tuple(
        dataclasses.replace(
            node, name=names.layer + node.name, inputs=tuple(names.layer + source for source in node.inputs)
        )
        for node in network.nodes
    )
    return Architecture(names.model, nodes, tuple(names.layer + output for output in network.outputs))


def write_monitor(folder: Path, network: Architecture, seed: int = 0, *, epochs: int = EPOCHS) -> MonitorPaths:
    """The monitor's files of a run of `network`: every ReLU layer at the end of every epoch."""
    layers = [(node.name, network.shapes[node.name][-1]) for node in network.nodes if node.op == "relu"]
    records = [
        _record(epoch, [_layer(name, width, [seed, epoch, index]) for index, (name, width) in enumerate(layers)])
        for epoch in range(1, epochs + 1)
    ]
    cost = summarise(network)
    facts = RunFacts(network.name, parameters=cost.parameters, macs=cost.macs, seed=seed, settings={"interval": 1})
    folder.mkdir(parents=True)
    write_architecture(network, folder / "graph.json")
    return write_records(MonitorPaths.of("nano_u", folder), records, facts=facts)


def _record(epoch: int, layers: list[LayerRedundancy]) -> StepRecord:
    return StepRecord(epoch, 10 * epoch, tuple(layers), aggregate(layers))


def _layer(name: str, channels: int, seed: list[int]) -> LayerRedundancy:
    """A layer whose last channel nearly repeats its first."""
    x = np.random.default_rng(seed).normal(size=(60, 16, channels))
    x[..., -1] = x[..., 0] + 0.02 * x[..., -1]
    moments = GroupMoments.from_samples(x, np.arange(60) % 20)
    return measure_layer(moments, layer=name, mode="inference", linear_input=True)


def _images(names: Names, seed: int, size: tuple[int, int]) -> tuple[ImageSet, np.ndarray]:
    """Two groups of six images whose lower half is the class, and logits that are often right."""
    random = np.random.default_rng(seed)
    height, width = size
    lines = random.integers(height // 4, height - height // 4, size=12)
    masks = (np.arange(height)[None, :, None] >= lines[:, None, None]) & np.ones((12, 1, width), bool)
    images = np.where(masks[..., None], 170, 60) + random.integers(0, 60, size=(12, height, width, 3))
    logits = np.where(masks, 1.0, -1.0) + random.normal(size=masks.shape)
    image_set = ImageSet(
        images.astype(np.uint8),
        masks[..., None].astype(np.uint8),
        tuple(f"{names.image}frame_{index}" for index in range(12)),
        (f"{names.group}A",) * 6 + (f"{names.group}B",) * 6,
    )
    return image_set, logits[..., None].astype(np.float32)


def _evaluate(image_set: ImageSet, logits: np.ndarray) -> Evaluation:
    floor = MeanMaskFloor.fit(image_set.masks).predict_probabilities()
    return evaluate(logits, image_set, floor_probabilities=floor, resamples=50)


def _history(epochs: int = EPOCHS) -> str:
    rows = [f"{epoch},{0.1 * epoch},{1 / epoch},{0.12 * epoch},{1.1 / epoch}" for epoch in range(1, epochs + 1)]
    return "\n".join(["epoch,iou,loss,val_iou,val_loss", *rows, ""])


def _provenance(names: Names, seed: int) -> dict[str, Any]:
    return {
        "started": "2026-11-25T09:00:00+00:00",
        "command": ["nano-u", "train", "--data", names.data],
        "seed": seed,
        "python": "3.11.7",
        "versions": {"nano-u": "0.1.0", "keras": "3.15.1", "tensorflow": None},
        "machine": {"system": "Linux", "architecture": "x86_64", "cpus": 2},
        "git": {"commit": "c877d5e", "dirty": False},
        "dataset": {"source": names.data, "splits": {"train": {"images": 367, "sha256": "27" * 32}}},
    }


def _export(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    return {
        "format": 1,
        "model": "nano_u",
        "sha256": TFLITE_SHA,
        "summary": {
            "file_bytes": 44_832,
            "weight_bytes": 17_115,
            "peak_activation_bytes": 196_608,
            "operators": ["CONV_2D", "CONV_2D", "MAX_POOL_2D"],
        },
        "verification": {"images": 20, "equal_to_micro": True, "arena_bytes": 208_080},
        "accuracy": {"split": "test", "float": before.to_dict(), "int8": after.to_dict()},
    }
