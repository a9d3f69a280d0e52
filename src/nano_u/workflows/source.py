"""What a MODEL argument names: its file, its run, its configuration and its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.data.loading import SYNTHETIC, Progress
from nano_u.errors import ConfigError, DataError, ModelError
from nano_u.evaluation import MeanMaskFloor
from nano_u.runs import RunDirectory, open_run

SUFFIXES = (".keras", ".h5", ".tflite")


@dataclass(frozen=True)
class ModelSource:
    """A model file, the run that it belongs to (if any), and the configuration to read data with."""

    path: Path
    run: RunDirectory | None
    config: ExperimentConfig

    def load_data(
        self, data: str | None, input_shape: tuple[int, int, int], progress: Progress | None = None
    ) -> dict[str, ImageSet]:
        """The splits of `data`, or of the run's own data, at the model's input size."""
        chosen = data or self.config.data
        if chosen is None:
            raise ConfigError(f"{self.path}: not in a run directory, so --data must name its images and masks")
        if data is None and chosen != SYNTHETIC and not Path(chosen).exists():
            raise DataError(f"{self.path}: was trained on {chosen}, which is not here; give --data DIR")
        model = self.config.model.model_copy(update={"input_shape": input_shape})
        return load_data(chosen, self.config.model_copy(update={"model": model}), progress=progress)


def find_model(path: Path) -> ModelSource:
    """A run directory (its best model), a `.keras`, a `.h5` or a `.tflite`; files know the run they lie in."""
    path = Path(path)
    if path.is_dir():
        run = open_run(path)
        return ModelSource(run.require(run.best_model_path), run, load_experiment(run.config_path))
    if path.suffix not in SUFFIXES:
        raise ModelError(f"{path}: neither a run directory nor a {', '.join(SUFFIXES)} file")
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    for parent in path.resolve().parents[:2]:
        if (parent / "config.yaml").is_file() and (parent / "provenance.json").is_file():
            run = open_run(parent)
            return ModelSource(path, run, load_experiment(run.config_path))
    return ModelSource(path, None, ExperimentConfig())


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
