"""Which channels of a saved model repeat each other, over a whole dataset."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nano_u.capture.selection import select_layers
from nano_u.data import ImageSet
from nano_u.errors import ModelError
from nano_u.graph import Architecture, write_architecture
from nano_u.models import load_model
from nano_u.monitoring.description import described
from nano_u.monitoring.offline import BATCH_SIZE, MAX_CHANNELS, Spatial, analyze_layers, check_options, redundancy_dict
from nano_u.redundancy import LayerRedundancy, Mode, ModelRedundancy, aggregate
from nano_u.reporting import (
    Table,
    draw_redundancy_bars,
    layer_redundancy_table,
    redundancy_bars,
    save_figure,
    write_redundancy_csv,
)
from nano_u.runs import collect_provenance, write_json, write_text_atomic
from nano_u.workflows.source import ModelSource, find_model, split_of

if TYPE_CHECKING:
    import keras

Progress = Callable[[int, int], None]
ALL = "all"


@dataclass(frozen=True)
class AnalysisRun:
    """What an analysis found, over what, and where its files lie."""

    layers: tuple[LayerRedundancy, ...]
    model: ModelRedundancy
    name: str
    split: str
    images: int
    size: tuple[int, int]
    mode: Mode
    folder: Path

    @property
    def title(self) -> str:
        """Model, images and mode in one line."""
        height, width = self.size
        split = "all splits" if self.split == ALL else self.split
        return f"Redundancy of {self.name}: {self.images:,} images of {split} at {height}x{width}, {self.mode} mode"

    def table(self) -> Table:
        """The layers in network order."""
        return layer_redundancy_table(self.layers, self.model, title=self.title)

    def to_dict(self) -> dict[str, object]:
        """`layers` and `aggregate`, ready for JSON."""
        return redundancy_dict(self.layers)


def analyze_model(
    model: Path,
    *,
    data: str | None = None,
    split: str | None = None,
    layers: Sequence[str] | None = None,
    max_samples: int | None = None,
    max_channels: int | None = MAX_CHANNELS,
    spatial: Spatial = "pixels",
    batch_size: int = BATCH_SIZE,
    mode: Mode = "inference",
    output_dir: Path | None = None,
    overrides: Sequence[str] = (),
    loading: Progress | None = None,
    measuring: Progress | None = None,
) -> AnalysisRun:
    """Measure a run, `.keras` or `.h5` on one split, or on "all" of them, and write table, CSV, JSON and picture.

    `split` is val where there is one, else all. Files go to `output_dir`, else to `analysis/` in the run or
    `analysis/<model>` here; what is not the run's best model on its own data, or was asked for by split or mode, has a
    folder of its own below. `graph.json` beside them is the network's record. The other arguments are those of
    `analyze_layers`. Raises ModelError, DataError or ConfigError, in one line each.
    """
    settings: dict[str, Any] = {
        "mode": mode,
        "spatial": spatial,
        "batch_size": batch_size,
        "max_samples": max_samples,
        "max_channels": max_channels,
    }
    check_options(**settings)
    source = find_model(model, data=data, overrides=overrides)
    if source.path.suffix == ".tflite":
        raise ModelError(f"{source.path}: an int8 model shows no activations; give the run directory or its .keras")
    network = load_model(source.path)
    select_layers(network, layers)  # before reading images: a wrong name is told at once
    shape = input_shape_of(network, source)
    splits = source.load_data(shape, loading)
    chosen, images = _images_of(splits, split)
    progress = None if measuring is None else lambda done, total: measuring(done, total or done)
    records = analyze_layers(network, images, layers=layers, progress=progress, **settings)

    folder = output_dir or _folder(source, split, mode)
    run = AnalysisRun(records, aggregate(records), network.name, chosen, records[0].images, shape[:2], mode, folder)
    origin = {"model": str(source.path), "split": chosen, "images": run.images}
    _write(run, described(network, level=logging.WARNING), {**origin, **settings, "data": source.data_record(splits)})
    return run


def input_shape_of(model: keras.Model, source: ModelSource) -> tuple[int, int, int]:
    """Height, width and 3; what the model leaves open comes from the configuration (`model.input_shape`)."""
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):  # a subclassed model; Keras keeps what it was built with
        shape = (model.get_build_config() or {}).get("input_shape")
    shape = (None, None, None, 3) if shape is None else shape
    if not isinstance(shape, (tuple, list)) or len(shape) != 4 or shape[3] != 3:
        raise ModelError(
            f"{source.path}: takes input {shape}, not images (height, width, 3); from Python, analyze_model_redundancy "
            "takes data of any form"
        )
    height, width, _ = source.config.model.input_shape
    return shape[1] or height, shape[2] or width, 3


def _images_of(splits: dict[str, ImageSet], name: str | None) -> tuple[str, ImageSet]:
    """The split's name and images."""
    if name is None:
        name = "val" if len(splits.get("val", ())) else ALL
    if name != ALL:
        return name, split_of(splits, name)
    parts = list(splits.values())
    whole = ImageSet(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.masks for part in parts]),
        tuple(image for part in parts for image in part.names),
        tuple(group for part in parts for group in part.groups),
    )
    return ALL, split_of({ALL: whole}, ALL)


def _folder(source: ModelSource, split: str | None, mode: Mode) -> Path:
    """One folder for the ordinary question, and one more for each other."""
    is_best = source.run is not None and source.path.resolve() == source.run.best_model_path.resolve()
    parts = [
        None if is_best or source.run is None else source.path.stem,
        source.data_label,
        split,
        "training" if mode == "training" else None,
    ]
    base = Path("analysis") / source.path.stem if source.run is None else source.run.path / "analysis"
    return base / "-".join(part for part in parts if part)


def _write(run: AnalysisRun, network: Architecture | None, origin: dict[str, Any]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    write_redundancy_csv(run.folder / "redundancy.csv", run.layers)
    write_text_atomic(run.folder / "table.txt", run.table().to_text())
    if network is not None:
        write_architecture(network, run.folder / "graph.json")
    save_figure(draw_redundancy_bars(redundancy_bars(run.layers), title=run.title), run.folder / "redundancy.png")
    provenance = collect_provenance(seed=None)
    write_json(run.folder / "redundancy.json", {**origin, **run.to_dict(), "provenance": provenance})
