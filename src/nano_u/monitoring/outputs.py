"""The files of one session: names, facts about the model, and when they are opened."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from nano_u.errors import ConfigError, ModelError
from nano_u.graph import Architecture, read_architecture, summarise, write_architecture
from nano_u.monitoring.description import described
from nano_u.monitoring.options import MonitorOptions
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorFiles, MonitorPaths, RunFacts, check_writable, open_sinks

DEFAULT_LOG_DIR = Path("logs/nas")


class MonitorOutputs:
    """Opens the files when the first epoch's number is known, and passes records on."""

    def __init__(self, model: keras.Model, options: MonitorOptions, run_info: Mapping[str, Any]) -> None:
        self._model = model
        self._options = options
        self._run_info = dict(run_info)
        self._paths = MonitorPaths.of(model.name, options.log_dir or DEFAULT_LOG_DIR, options.csv_path)
        self._files: MonitorFiles | None = None
        self._is_described = False

    def check(self) -> None:
        """Raise RunError where the folder cannot be made or written, ConfigError where `csv_path` is a folder."""
        if self._paths.metrics.is_dir():
            raise ConfigError(f"csv_path: {self._paths.metrics} is a folder; give the name of a file in it")
        check_writable(self._paths)

    def open(self, first_epoch: int) -> None:
        """Open every file, once; rows of an earlier run are continued where training resumes after epoch 1."""
        if self._files is not None:
            return
        architecture = described(self._model)
        self._files = open_sinks(
            self._paths,
            self._facts(architecture),
            first_epoch=first_epoch,
            extra_metrics=self._options.extra_metrics,
            tensorboard=self._options.tensorboard,
        )
        weakref.finalize(self, self._files.close)  # a fit that dies never says that it has ended
        self._is_described = architecture is not None or self._model.built
        if architecture is not None:
            self._write_graph(architecture)

    def _write_graph(self, architecture: Architecture) -> None:
        """`graph.json` beside the metrics; under the metrics' name where another network's lies there."""
        if self._files is None:
            return
        metrics = self._files.paths.metrics
        path = metrics.with_name("graph.json")
        if path.exists() and not _holds(path, architecture):
            path = metrics.with_name(f"{metrics.stem.removesuffix('_metrics')}_graph.json")
        write_architecture(architecture, path)

    def write(self, record: StepRecord) -> None:
        """One logged step into every file."""
        if self._files is None:
            return
        self._files.write(record)
        if not self._is_described and self._model.built:
            self._is_described = True
            architecture = described(self._model)
            macs = None if architecture is None else summarise(architecture).macs
            self._files.complete(int(self._model.count_params()), macs)
            if architecture is not None:
                self._write_graph(architecture)

    def epoch_ended(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Note the validation IoU of an epoch, where there is one."""
        key = validation_iou(logs)
        if self._files is not None:
            self._files.write_epoch(epoch, None if key is None else float(logs[key]))

    def close(self) -> None:
        """Complete every file; may be called again."""
        if self._files is not None:
            self._files.close()

    def _facts(self, architecture: Architecture | None) -> RunFacts:
        options = self._options
        settings = {
            "layers": [getattr(one, "name", one) for one in options.layers or ()]
            if isinstance(options.layers, (list, tuple))
            else getattr(options.layers, "name", options.layers),
            "monitor_frequency": options.frequency,
            "interval": options.interval,
            "spatial": options.spatial,
            "max_samples": options.max_samples,
            "max_channels": options.max_channels,
            "redundancy_weight": options.redundancy_weight,
            "redundancy_warmup_steps": options.redundancy_warmup_steps,
        }
        info = dict(self._run_info)
        return RunFacts(
            model_name=self._model.name,
            parameters=int(self._model.count_params()) if self._model.built else None,
            macs=None if architecture is None else summarise(architecture).macs,
            seed=info.pop("seed", None),
            settings={**settings, **info},
        )


def validation_iou(names: Iterable[str]) -> str | None:
    """The name of the validation IoU: `val_iou`, else the first that says so, as Keras' own `val_binary_io_u` does."""
    found = [name for name in names if name.startswith("val_") and "iou" in name.lower().replace("_", "")]
    return "val_iou" if "val_iou" in found else next(iter(found), None)


def _holds(path: Path, architecture: Architecture) -> bool:
    """Whether the file is the record of this very network."""
    try:
        return read_architecture(path) == architecture
    except (ModelError, OSError):
        return False
