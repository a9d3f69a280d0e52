"""The redundancy monitor of one training: made as the configuration says, closed in any case, summed up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.config import ExperimentConfig
from nano_u.runs import RunDirectory

if TYPE_CHECKING:
    import keras

    from nano_u.monitoring.callback import NASMonitorCallback
    from nano_u.monitoring.record import StepRecord

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Monitored:
    """What the monitor saw of a training: where its files lie, the first and the last logged step."""

    folder: Path
    first: StepRecord
    last: StepRecord


def check_layers(config: ExperimentConfig, model: keras.Model, ready: NASMonitorCallback | None = None) -> None:
    """Raise ConfigError for a layer to monitor that the network does not have; nothing where monitoring is off."""
    if ready is None and not config.nas.enabled:
        return
    from nano_u.capture.selection import select_layers

    select_layers(model, ready.options.layers if ready is not None else config.nas.layers or None)


@contextmanager
def monitoring(
    config: ExperimentConfig, run: RunDirectory, ready: NASMonitorCallback | None = None
) -> Iterator[NASMonitorCallback | None]:
    """Yields the callback to train with: `ready`, or the one that `config.nas` asks for, or None where it is off.

    Its files are closed at the end also where training fails, because Keras then calls no hook. A `ready` one without a
    folder of its own writes into the run. Where monitoring is off nothing of it is imported.
    """
    if ready is None and not config.nas.enabled:
        if config.nas.redundancy_weight:
            logger.warning("monitoring is off, and with it nas.redundancy_weight %g", config.nas.redundancy_weight)
        yield None
        return
    monitor = monitor_of(config, run) if ready is None else ready
    options = monitor.options
    if options.log_dir is None:
        monitor.options = replace(options, log_dir=run.monitor_dir)
    try:
        yield monitor
    finally:
        monitor.on_train_end()
        monitor.options = options


def monitor_of(config: ExperimentConfig, run: RunDirectory) -> NASMonitorCallback:
    """The callback that the `nas` section describes."""
    from nano_u.monitoring.callback import NASMonitorCallback

    nas = config.nas
    return NASMonitorCallback(
        layers=nas.layers or None,
        monitor_frequency=nas.log_freq,
        log_frequency=nas.interval,
        log_dir=nas.log_dir,
        csv_path=nas.csv_path,
        redundancy_weight=nas.redundancy_weight,
        redundancy_warmup_steps=nas.redundancy_warmup_steps,
        spatial=nas.spatial,
        max_samples=nas.max_samples,
        max_channels=nas.max_channels,
        strict=nas.strict,
        tensorboard=nas.tensorboard,
        run_info=_run_info(config, run),
    )


def summed_up(monitor: NASMonitorCallback | None) -> Monitored | None:
    """First and last logged step, inside `monitoring`; None, with a warning, where a monitor logged nothing."""
    if monitor is None:
        return None
    options, records = monitor.options, monitor.records
    if not records:
        logger.warning("the redundancy monitor logged nothing (it was to look every %s)", _interval(monitor))
        return None
    assert options.log_dir is not None
    folder = options.log_dir if options.csv_path is None else options.csv_path.parent
    return Monitored(folder, records[0], records[-1])


def _interval(monitor: NASMonitorCallback) -> str:
    unit = {"epoch": "epochs", "batch": "batches"}[monitor.options.frequency]
    return f"{monitor.options.interval} {unit}" if monitor.options.interval > 1 else monitor.options.frequency


def _run_info(config: ExperimentConfig, run: RunDirectory) -> dict[str, Any]:
    return {
        "seed": config.seed,
        "data": config.data,
        "run_dir": str(run.path),
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
    }
