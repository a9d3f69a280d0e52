"""What the user asked the monitor for: one record out of arguments that have several names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

from nano_u.errors import ConfigError

Frequency = Literal["epoch", "batch"]

DEFAULT_BATCH_INTERVAL = 10

_SYNONYMS = {
    "layers": ("layer_selectors", "probe_layers", "layers_to_monitor"),
    "monitor_frequency": ("log_freq",),
    "redundancy_weight": ("covariance_weight", "nas_weight"),
}
_BATCH_INTERVAL = "monitor_batch_freq"


@dataclass(frozen=True)
class MonitorOptions:
    """A monitor's settings, settled and checked."""

    layers: Any
    frequency: Frequency
    interval: int
    """Epochs or batches, as `frequency` says, from one logged step to the next."""
    log_dir: Path | None
    csv_path: Path | None
    redundancy_weight: float
    redundancy_warmup_steps: int
    spatial: Literal["pixels", "mean"]
    max_samples: int
    max_channels: int | None
    extra_metrics: Mapping[str, Any]
    strict: bool
    tensorboard: bool

    def __post_init__(self) -> None:
        _one_of("monitor_frequency", self.frequency, ("epoch", "batch"))
        _one_of("spatial", self.spatial, ("pixels", "mean"))
        check_whole_number("log_frequency", self.interval, least=1)
        check_whole_number("max_samples", self.max_samples, least=1)
        check_whole_number("redundancy_warmup_steps", self.redundancy_warmup_steps, least=0)
        if self.max_channels is not None:
            check_whole_number("max_channels", self.max_channels, least=2)
        if not 0 <= self.redundancy_weight < float("inf"):
            raise ConfigError(f"redundancy_weight: must be zero or positive, got {self.redundancy_weight}")
        for name, function in self.extra_metrics.items():
            if not callable(function):
                raise ConfigError(f"extra_metrics: {name!r} must be a function of the covariance, got {function!r}")


def settle_synonyms(given: Mapping[str, Any], synonyms: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments under their first names; `given` holds those, None or absent where the user said nothing.

    Raises ConfigError for a name that nobody knows and for two names of one thing with different values.
    """
    settled = {name: value for name, value in given.items() if value is not None}
    known = {other: name for name, others in _SYNONYMS.items() for other in others}
    for other, value in synonyms.items():
        if value is None or other == _BATCH_INTERVAL:
            continue
        if other not in known:
            raise ConfigError(f"NASMonitorCallback has no argument {other!r} (synonyms: {', '.join(sorted(known))})")
        name = known[other]
        if name in settled and _plain(settled[name]) != _plain(value):
            raise ConfigError(f"{name}={settled[name]!r} and {other}={value!r} are the same setting; give one")
        settled[name] = value
    return _settle_interval(settled, synonyms.get(_BATCH_INTERVAL))


def _settle_interval(settled: dict[str, Any], batches: int | None) -> dict[str, Any]:
    """`monitor_batch_freq` counts in batch mode only, and alone it asks for that mode."""
    log_frequency = settled.pop("log_frequency", None)
    frequency = settled.setdefault("monitor_frequency", "epoch" if batches is None else "batch")
    if frequency != "batch":
        return {**settled, "interval": 1 if log_frequency is None else log_frequency}
    if batches is not None and log_frequency is not None and batches != log_frequency:
        raise ConfigError(
            f"log_frequency={log_frequency} and {_BATCH_INTERVAL}={batches} are the same setting; give one"
        )
    chosen = batches if batches is not None else log_frequency
    return {**settled, "interval": DEFAULT_BATCH_INTERVAL if chosen is None else chosen}


def check_whole_number(name: str, value: Any, *, least: int) -> None:
    """ConfigError, in one line, for what is no integer or lies below `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ConfigError(f"{name}: must be a whole number, got {value!r}")
    if value < least:
        raise ConfigError(f"{name}: must be at least {least}, got {value}")


def as_number(name: str, value: Any) -> float:
    """The value as a float; ConfigError, in one line, for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: must be a number, got {value!r}") from error


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name}: must be {' or '.join(map(repr, allowed))}, got {value!r}")
