"""What a MODEL argument names: its file, its run, its configuration and its data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, Sample, index_dataset, load_data
from nano_u.data.loading import SYNTHETIC, Progress
from nano_u.data.names import shortened
from nano_u.errors import ConfigError, DataError, ModelError
from nano_u.evaluation import MeanMaskFloor
from nano_u.runs import RunDirectory, open_run, read_json

logger = logging.getLogger(__name__)

SUFFIXES = (".keras", ".h5", ".tflite")


@dataclass(frozen=True)
class ModelSource:
    """A model file, the run that it belongs to (if any), and what to read its data with.

    `config` is `trained` (the run's configuration; None outside a run) with the changes of the caller on top.
    """

    path: Path
    run: RunDirectory | None
    config: ExperimentConfig
    trained: ExperimentConfig | None = None

    @property
    def data_label(self) -> str | None:
        """Name of the data for file names; None where it is the run's own, read as in training, or without a run."""
        data, trained = self.config.data, self.trained
        if data is None or trained is None:
            return None
        is_same = _same_place(data, trained.data) and self.config.dataset == trained.dataset
        if is_same and self.config.val_fraction == trained.val_fraction:
            return None
        return data if data == SYNTHETIC else Path(data).resolve().name or "data"

    def load_data(self, input_shape: tuple[int, int, int], progress: Progress | None = None) -> dict[str, ImageSet]:
        """The splits of `config.data` at the model's input size; warns where they are not those of training."""
        data = self.config.data
        if data is None:
            raise ConfigError(f"{self.path}: not in a run directory, so --data must name its images and masks")
        is_own = self.trained is not None and data == self.trained.data
        if is_own and data != SYNTHETIC and not Path(data).exists():
            raise DataError(f"{self.path}: was trained on {data}, which is not here; give --data DIR")
        model = self.config.model.model_copy(update={"input_shape": input_shape})
        splits = load_data(data, self.config.model_copy(update={"model": model}), progress=progress)
        if self.trained is not None and self.data_label is None and input_shape == self.trained.model.input_shape:
            self._warn_of_changes(splits)
        return splits

    def samples(self, split: str, names: Sequence[str]) -> list[Sample] | None:
        """The files of these images of a split; None for synthetic ones, which have no size but the network's.

        Raises DataError where files went since the images were read.
        """
        data = self.config.data
        if data is None or data == SYNTHETIC:
            return None
        index = index_dataset(data, self.config.dataset, val_fraction=self.config.val_fraction)
        by_name = {sample.name: sample for sample in index.splits[split]}
        gone = [name for name in names if name not in by_name]
        if gone:
            raise DataError(f"the image files changed while they were read ({shortened(gone, 3)}); start again")
        return [by_name[name] for name in names]

    def data_record(self, splits: Mapping[str, ImageSet]) -> dict[str, Any]:
        """Where images came from and the fingerprint of each split, as a run's provenance keeps them."""
        parts = {name: {"images": len(part), "sha256": part.fingerprint()} for name, part in splits.items()}
        return {"source": self.config.data, "splits": parts}

    def _warn_of_changes(self, splits: Mapping[str, ImageSet]) -> None:
        recorded = {} if self.run is None else _recorded_fingerprints(self.run)
        now = {name: part.fingerprint() for name, part in splits.items()}
        changed = [name for name in recorded | now if recorded.get(name) != now.get(name)]
        if recorded and changed:
            logger.warning(
                "%s: changed since training: %s (fingerprints in provenance.json); results are those of the images as "
                "they are now",
                self.config.data,
                ", ".join(changed),
            )


def find_model(path: Path, *, data: str | None = None, overrides: Sequence[str] = ()) -> ModelSource:
    """A run directory (its best model), a `.keras`, a `.h5` or a `.tflite`; files know the run they lie in.

    `data` and `overrides` (`dataset.mask_suffix=_mask`) go on top of the run's configuration, or of the defaults.
    """
    path = Path(path)
    if path.is_dir():
        run = open_run(path)
        return _in_run(run.require(run.best_model_path), run, data, overrides)
    if path.suffix not in SUFFIXES:
        if not path.exists():
            open_run(path)  # says that there is none, and which names are close
        raise ModelError(f"{path}: neither a run directory nor a {', '.join(SUFFIXES)} file")
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    for parent in path.resolve().parents[:2]:
        if (parent / "config.yaml").is_file() and (parent / "provenance.json").is_file():
            return _in_run(path, open_run(parent), data, overrides)
    return ModelSource(path, None, load_experiment(None, None, overrides, settings={"data": data}))


def accuracy_split(splits: Mapping[str, ImageSet], given: str | None) -> str:
    """The split that accuracy is told on: the one `given`, else test where there is one, else val."""
    return given or ("test" if len(splits.get("test", ())) else "val")


def split_of(splits: dict[str, ImageSet], name: str) -> ImageSet:
    """The named split; DataError lists those that exist."""
    if name not in splits or len(splits[name]) == 0:
        known = ", ".join(key for key, value in splits.items() if len(value))
        raise DataError(f"no images in split {name!r}; this dataset has: {known}")
    return splits[name]


def floor_of(splits: dict[str, ImageSet]) -> npt.NDArray[np.float64] | None:
    """Probabilities `(height, width)` of the no-learning floor, the mean training mask; None without a train split."""
    train = splits.get("train")
    return MeanMaskFloor.fit(train.masks).predict_probabilities() if train is not None and len(train) else None


def _in_run(path: Path, run: RunDirectory, data: str | None, overrides: Sequence[str]) -> ModelSource:
    trained = load_experiment(run.config_path)
    config = load_experiment(run.config_path, None, overrides, settings={"data": data})
    return ModelSource(path, run, config, trained)


def _same_place(data: str, other: str | None) -> bool:
    if SYNTHETIC in (data, other) or other is None:
        return data == other
    return Path(data).resolve() == Path(other).resolve()


def _recorded_fingerprints(run: RunDirectory) -> dict[str, str]:
    """SHA-256 by split as training recorded them; empty where it did not."""
    record = read_json(run.provenance_path) if run.provenance_path.is_file() else None
    dataset = record.get("dataset") if isinstance(record, dict) else None
    splits = dataset.get("splits") if isinstance(dataset, dict) else None
    parts = splits.items() if isinstance(splits, dict) else ()
    return {name: part["sha256"] for name, part in parts if isinstance(part, dict) and "sha256" in part}
