"""The redundancy monitor as a plain Keras callback."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import keras
import numpy as np

from nano_u.errors import ConfigError
from nano_u.monitoring.options import DEFAULT_BATCH_INTERVAL, MonitorOptions, as_number, settle_synonyms

if TYPE_CHECKING:
    from nano_u.monitoring.record import StepRecord
    from nano_u.monitoring.session import MonitorSession

logger = logging.getLogger(__name__)

Selectors: TypeAlias = Sequence[str | keras.layers.Layer] | str | keras.layers.Layer
Metric = Callable[[np.ndarray], float]
_LOG_NAMES = {
    "nas_redundancy": "redundancy_score",
    "nas_correlation": "correlation_mean",
    "nas_condition": "condition_number",
}


class NASMonitorCallback(keras.callbacks.Callback):
    """Measures during `fit` how redundant the channels of every layer are; works on any Keras model.

    With no argument it looks at what `fit` runs anyway: the first `max_samples` images of the validation pass at the
    end of each epoch (inference statistics), or, without validation data, the last training images of the epoch
    (training statistics). Activations stay in the graph; only their covariances leave it. Training is untouched: the
    weights are byte for byte those of a `fit` without the callback, unless `redundancy_weight` asks for more.

    Written under `log_dir` (`logs/nas` by default): `<model>_nas_metrics.csv`, `<model>_nas_layers.csv`,
    `<model>_nas.jsonl`, `<model>_nas_correlations.npz`, `<model>_nas_run.json`, `graph.json`, TensorBoard events.
    Added to Keras' `logs`: `nas_redundancy`, `nas_correlation`, `nas_condition`; with a penalty also `task_loss` and
    `redundancy_penalty`.

    Args:
        validation_data: fixed probe images (arrays, `(x, y)`, a batched Dataset, batches). They are run through the
            model once more for each logged step, in inference mode, which costs a forward pass. None observes `fit`.
        layers: names, `/regex/`, paths, Layer objects, `"output"`, or roles (`"activations"`, `"linear_inputs"`,
            `"convolutions"`, `"encoder"`, `"bottleneck"`, `"decoder"`); by default activations and linear inputs.
        monitor_frequency: look once in so many `"epoch"`s, or at every so many-th `"batch"`.
        log_frequency: how many; 1 epoch or 10 batches by default.
        log_dir: folder of the files.
        csv_path: path of the metrics CSV; the other files lie beside it.
        redundancy_weight: weight of the penalty on the selected layers' correlations, 0 for none.
        redundancy_warmup_steps: training steps over which that weight rises from 0.
        spatial: `"pixels"`, every pixel is a sample of its channels; `"mean"` averages an image to one sample, which
            over-reports redundancy.
        max_samples: images per logged step.
        max_channels: wider layers are scored on a fixed random subset of so many channels; None for all.
        extra_metrics: name -> function of the `(channels, channels)` covariance; enters every file.
        strict: re-raise a failure of the monitor instead of reporting it once and going on without it.
        tensorboard: write TensorBoard events too, where the package is installed.
        run_info: further entries of `<model>_nas_run.json`, for example the seed.
        synonyms: `layer_selectors`, `probe_layers`, `layers_to_monitor` (= layers), `log_freq` (= monitor_frequency),
            `monitor_batch_freq` (= log_frequency, in batches), `covariance_weight`, `nas_weight` (= redundancy_weight).

    Raises:
        ConfigError: before the first epoch: conflicting or impossible settings, an unknown layer, nothing to observe.
        RunError: before the first epoch: files that cannot be written.
        TrainingError: after the first step: a penalty that the model's own `train_step` ignores.
    """

    def __init__(
        self,
        validation_data: Any = None,
        layers: Selectors | None = None,
        monitor_frequency: Literal["epoch", "batch"] | None = None,
        log_frequency: int | None = None,
        log_dir: str | os.PathLike[str] | None = None,
        csv_path: str | os.PathLike[str] | None = None,
        redundancy_weight: float | None = None,
        redundancy_warmup_steps: int = 0,
        spatial: Literal["pixels", "mean"] = "pixels",
        max_samples: int = 64,
        max_channels: int | None = 256,
        extra_metrics: Mapping[str, Metric] | None = None,
        strict: bool = False,
        *,
        tensorboard: bool = True,
        run_info: Mapping[str, Any] | None = None,
        **synonyms: Any,
    ) -> None:
        super().__init__()
        given = {
            "layers": layers,
            "monitor_frequency": monitor_frequency,
            "log_frequency": log_frequency,
            "redundancy_weight": redundancy_weight,
        }
        settled = settle_synonyms(given, synonyms)
        self.options = MonitorOptions(
            layers=settled.get("layers"),
            frequency=settled["monitor_frequency"],
            interval=settled["interval"],
            log_dir=None if log_dir is None else Path(log_dir),
            csv_path=None if csv_path is None else Path(csv_path),
            redundancy_weight=as_number("redundancy_weight", settled.get("redundancy_weight", 0.0)),
            redundancy_warmup_steps=redundancy_warmup_steps,
            spatial=spatial,
            max_samples=max_samples,
            max_channels=max_channels,
            extra_metrics=dict(extra_metrics or {}),
            strict=strict,
            tensorboard=tensorboard,
        )
        self.validation_data = validation_data
        self.async_safe = self.options.frequency == "epoch"  # the batch hooks then do nothing that could collide
        self._run_info = dict(run_info or {})
        self._session: MonitorSession | None = None
        self._in_fit = False
        self._epoch = 0
        self._last_logs: dict[str, float] = dict.fromkeys(_LOG_NAMES, math.nan)

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """What was logged so far in this `fit`, one record per logged step."""
        return () if self._session is None else tuple(self._session.records)

    def get_metrics(self) -> dict[str, Any]:
        """What was logged so far: one entry per logged step in every list, None where a value is not defined.

        Keys: `redundancy`, `correlation_mean` (also as `feature_correlation`), `correlation_std`, `trace`,
        `condition_number`, `epoch`, `step`, and `layers` with the same lists per layer.
        """
        from nano_u.monitoring.metric_lists import metric_lists

        return metric_lists(self.records)

    def compute_redundancy(self) -> dict[str, Any]:
        """The model's scores now, `{"layers": ..., "aggregate": ...}`: from the probe images, else as last logged.

        Raises ConfigError where there is neither.
        """
        if self._session is None:
            raise ConfigError("compute_redundancy: give the callback to fit first, so that it knows the model")
        return self._session.current()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Settle everything that can be wrong before the first epoch."""
        from nano_u.monitoring.session import MonitorSession

        previous, self._session = self._session, None
        if previous is not None:
            previous.close()
        self._last_logs = dict.fromkeys(_LOG_NAMES, math.nan)
        self._session = MonitorSession.start(
            self.model,
            self.options,
            probe=self.validation_data,
            under_fit=bool(self.params),
            run_info=self._run_info,
            previous=previous,
        )
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """`epoch` counts from 0, as everywhere in Keras; files and metrics count from 1."""
        self._epoch = epoch + 1
        if self._session is None:
            raise ConfigError("the monitor was not started: call on_train_begin() before on_epoch_begin()")
        self._session.open_files(first_epoch=self._epoch)
        self._session.guard(lambda session: session.epoch_begins(self._epoch, (self.params or {}).get("steps")))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the next step go through ours."""
        if self._session is not None and self._in_fit:
            self._session.train_batch_begins(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """In batch mode: log when it is time, and show the last values in the progress bar."""
        if self.options.frequency == "epoch" or self._session is None:
            return
        self._session.guard(lambda session: session.train_batch_ends(self._epoch))
        self._update(logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """A validation pass inside `fit`."""
        if self._session is not None and self._in_fit:
            self._session.guard(lambda session: session.test_begins(self._epoch))

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the next validation step go through ours."""
        if self._session is not None and self._in_fit:
            self._session.test_batch_begins()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """The validation pass is over."""
        if self._session is not None and self._in_fit:
            self._session.guard(lambda session: session.test_ends())

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """In epoch mode: log. In both: add ours to Keras' logs."""
        if self._session is None:
            return
        self._session.guard(lambda session: session.epoch_ends(epoch + 1, logs or {}))
        self._update(logs)
        if logs is not None:
            logs.update(self._session.penalty_logs(logs.get("loss")))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the model's functions back and close the files."""
        self._in_fit = False
        if self._session is not None:
            self._session.close()

    def _update(self, logs: dict[str, Any] | None) -> None:
        """Our three numbers of the last logged step, NaN before the first, so that CSVLogger keeps their columns."""
        if self._session is None or logs is None:
            return
        if self.records:
            scalars = self.records[-1].model.scalars()
            values = {name: scalars[field] for name, field in _LOG_NAMES.items()}
            self._last_logs = {name: math.nan if value is None else float(value) for name, value in values.items()}
        logs.update(self._last_logs)


class NASCallback(NASMonitorCallback):
    """The same monitor under its later name: looks at every `log_frequency`-th batch and writes to `output_dir`."""

    def __init__(
        self,
        layers_to_monitor: Selectors | None = None,
        log_frequency: int = DEFAULT_BATCH_INTERVAL,
        output_dir: str | os.PathLike[str] = "nas_logs/",
        **options: Any,
    ) -> None:
        if "log_freq" not in options:
            options.setdefault("monitor_frequency", "batch")
        if "monitor_batch_freq" not in options or log_frequency != DEFAULT_BATCH_INTERVAL:
            options["log_frequency"] = log_frequency
        if layers_to_monitor is not None:
            options["layers_to_monitor"] = layers_to_monitor
        options.setdefault("log_dir", output_dir)
        super().__init__(**options)
