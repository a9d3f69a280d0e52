from __future__ import annotations

import csv
import dataclasses
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import MonitorPaths
from nano_u.redundancy import HISTOGRAM_BINS, LayerRedundancy, aggregate


def make_layer(name: str, *, seed: int = 0, channels: int = 4, **changed: Any) -> LayerRedundancy:
    """A layer's record of made-up numbers whose decimal forms are long."""
    random = np.random.default_rng([seed, len(name)])
    correlation = np.eye(channels) + 0.1 * random.random((channels, channels))
    layer = LayerRedundancy(
        layer=name,
        mode="inference",
        status="ok",
        reason=None,
        num_channels=channels,
        sampled_channels=None,
        samples=4096,
        images=16,
        effective_samples=random.uniform(100, 1000),
        reliable=True,
        redundancy_score=random.random(),
        score_low=random.random(),
        score_high=random.random(),
        removable=0.25,
        removable_reason=None,
        keep=tuple(range(channels - 1)),
        correlation_mean=random.random(),
        correlation_std=random.random(),
        correlation_max=random.random(),
        trace=random.lognormal(0, 20),
        dominance=random.random(),
        condition_number=random.lognormal(10, 5),
        condition_at_floor=False,
        rank=channels,
        dead_channels=0,
        off_diagonal_norm=random.random(),
        decov=random.lognormal(-30, 3),
        histogram=tuple(random.integers(0, 9, HISTOGRAM_BINS).tolist()),
        correlation=correlation,
    )
    return dataclasses.replace(layer, **changed)


def make_broken_layer(name: str, **changed: Any) -> LayerRedundancy:
    """The record of a layer with NaN activations."""
    kept = {"layer", "mode", "num_channels", "samples", "images", "reliable", "condition_at_floor", "extra"}
    unknown = {field.name: None for field in dataclasses.fields(LayerRedundancy) if field.name not in kept}
    reason = "NaN in 3 of 4 channels"
    return make_layer(name, **unknown | {"status": "non_finite", "reason": reason, "reliable": False} | changed)


def make_record(epoch: int, step: int, *layers: LayerRedundancy) -> StepRecord:
    """A step of the given layers; by default two good ones and one with NaN."""
    chosen = layers or (make_layer("conv", seed=step), make_layer("a/b", seed=step + 1), make_broken_layer("bad"))
    return StepRecord(epoch, step, chosen, aggregate(chosen))


@pytest.fixture
def layer() -> Callable[..., LayerRedundancy]:
    return make_layer


@pytest.fixture
def broken_layer() -> Callable[..., LayerRedundancy]:
    return make_broken_layer


@pytest.fixture
def record() -> Callable[..., StepRecord]:
    return make_record


@pytest.fixture
def paths(tmp_path: Path) -> MonitorPaths:
    return MonitorPaths.of("net", tmp_path / "logs" / "nas")


@pytest.fixture
def read_csv() -> Callable[[Path], list[dict[str, str]]]:
    def read(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, strict=True))

    return read


@pytest.fixture
def read_json_lines() -> Callable[[Path], list[dict[str, Any]]]:
    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is not JSON")

    def read(path: Path) -> list[dict[str, Any]]:
        return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]

    return read


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """Inside the block no file of this process can grow: a write fails with a real OSError, also for root."""

    @contextmanager
    def limit() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit
