"""Runs as a monitor writes them, of made-up numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from nano_u.graph import nano_u, summarise, write_architecture
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorPaths, RunFacts, open_sinks
from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer

NETWORK = nano_u(input_shape=(16, 16, 3), filters=(2,), bottleneck=3)
FACTS = RunFacts("nano_u", parameters=123, macs=summarise(NETWORK).macs, seed=7, settings={"interval": 1})


def make_layer(name: str, *, seed: int = 0, channels: int = 4, **changed: Any) -> LayerRedundancy:
    """A layer as measured on random activations, one channel of which is nearly another's copy."""
    x = np.random.default_rng([seed, len(name)]).normal(size=(40, 9, channels))
    x[..., -1] = x[..., 0] + 0.1 * x[..., -1]
    measured = measure_layer(
        GroupMoments.from_samples(x, np.arange(40) % 20), layer=name, mode="inference", linear_input=True
    )
    return dataclasses.replace(measured, **changed)


def make_broken_layer(name: str, **changed: Any) -> LayerRedundancy:
    """A layer with NaN among its activations."""
    x = np.full((40, 9, 4), np.nan)
    measured = measure_layer(
        GroupMoments.from_samples(x, np.arange(40) % 20), layer=name, mode="training", linear_input=False, reads="conv"
    )
    return dataclasses.replace(measured, **changed)


def make_record(epoch: int, step: int, *layers: LayerRedundancy) -> StepRecord:
    """A step; without `layers` of a good one, a good one of another width, and a broken one."""
    chosen = layers or (
        make_layer("conv", seed=step),
        make_layer("a/b", seed=step, channels=6),
        make_broken_layer("c,"),
    )
    return StepRecord(epoch, step, chosen, aggregate(chosen))


def write_records(
    paths: MonitorPaths, records: list[StepRecord], *, facts: RunFacts = FACTS, **options: Any
) -> MonitorPaths:
    """Every file of a run with these steps, written by the monitor's own sinks; epoch e has the IoU e / 10."""
    files = open_sinks(paths, facts, tensorboard=False, **options)
    for record in records:
        files.write(record)
        files.write_epoch(record.epoch, record.epoch / 10)
    files.close()
    return files.paths


def write_run(folder: Path) -> MonitorPaths:
    """A run of two steps with its architecture."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = write_records(MonitorPaths.of("nano_u", folder), [make_record(1, 10), make_record(2, 20)])
    write_architecture(NETWORK, paths.graph)
    return paths
