"""The monitoring arguments of `train`, brought to the one `nas` section of an experiment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nano_u.config import ExperimentConfig, NasConfig
from nano_u.config.settings import from_plain, to_plain
from nano_u.config.synonyms import settle_nas
from nano_u.errors import ConfigError

if TYPE_CHECKING:
    from nano_u.monitoring.callback import NASMonitorCallback

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class NasArguments:
    """What a caller of `train` says about monitoring; None means nothing said."""

    enable: bool = False
    log_dir: AnyPath | None = None
    csv_path: AnyPath | None = None
    log_freq: Literal["epoch", "batch"] | None = None
    batch_freq: int | None = None
    callback: NASMonitorCallback | None = None
    config: Mapping[str, Any] | NasConfig | None = None

    def section(self) -> dict[str, Any]:
        """The `nas` section that they make together; empty where nothing was said.

        Raises:
            ConfigError: two of them contradict each other, or a callback that is none.
        """
        if self.callback is not None:
            return self._section_of_callback(self.callback)
        section = _settled(self.config)
        for argument, key, value in self._flags():
            self._put(section, key, value, argument)
        if self.batch_freq is not None:
            section.setdefault("log_freq", "batch")
        if self.enable:
            self._put(section, "enabled", True, "enable_nas_monitoring")
        return section

    def check_heard(self, config: ExperimentConfig) -> None:
        """Raise ConfigError where settings were given for a monitor that is off."""
        if config.nas.enabled:
            return
        flags = [argument for argument, _, _ in self._flags()]
        if self.config is not None and "enabled" not in _settled(self.config):
            flags.append("nas_config")
        if flags:
            raise ConfigError(f"{', '.join(flags)}: monitoring is off; set enable_nas_monitoring=True")

    def _flags(self) -> list[tuple[str, str, Any]]:
        """Name, key in the section and value of the simple arguments that were given."""
        every = (
            ("nas_log_dir", "log_dir", None if self.log_dir is None else os.fspath(self.log_dir)),
            ("nas_csv_path", "csv_path", None if self.csv_path is None else os.fspath(self.csv_path)),
            ("nas_log_freq", "log_freq", self.log_freq),
            ("nas_monitor_batch_freq", "monitor_batch_freq", self.batch_freq),
        )
        return [flag for flag in every if flag[2] is not None]

    def _put(self, section: dict[str, Any], key: str, value: Any, argument: str) -> None:
        present = section.get(key)
        if present is not None and present != value:
            raise ConfigError(f"{argument}={value!r} contradicts {key}={present!r} of nas_config; keep one of them")
        section[key] = value

    def _section_of_callback(self, callback: NASMonitorCallback) -> dict[str, Any]:
        """What the callback does, so that the run's configuration tells it."""
        from nano_u.monitoring.callback import NASMonitorCallback

        if not isinstance(callback, NASMonitorCallback):
            raise ConfigError(f"nas_callback: should be a NASMonitorCallback, got {type(callback).__name__}")
        others = [argument for argument, _, _ in self._flags()] + (["nas_config"] if self.config is not None else [])
        if others:
            raise ConfigError(f"nas_callback has settings of its own; leave out {', '.join(others)} or the callback")
        options = callback.options
        return {
            "enabled": True,
            "log_dir": options.log_dir,
            "csv_path": options.csv_path,
            "log_freq": options.frequency,
            "monitor_batch_freq" if options.frequency == "batch" else "log_frequency": options.interval,
            "layers": _names(options.layers),
            "redundancy_weight": options.redundancy_weight,
            "redundancy_warmup_steps": options.redundancy_warmup_steps,
            "spatial": options.spatial,
            "max_samples": options.max_samples,
            "max_channels": options.max_channels,
            "strict": options.strict,
            "tensorboard": options.tensorboard,
        }


def _settled(config: Mapping[str, Any] | NasConfig | None) -> dict[str, Any]:
    """The given section under our own names; a typed one holds what was set in it."""
    if config is None:
        return {}
    plain = config.model_dump(exclude_unset=True) if isinstance(config, NasConfig) else config
    if not isinstance(plain, Mapping):
        raise ConfigError(f"nas_config: should be a mapping or a NasConfig, got {type(plain).__name__}")
    texts = {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in plain.items()}
    return {key: to_plain(setting) for key, setting in settle_nas(from_plain(texts).entries).items()}


def _names(layers: Any) -> list[str]:
    """Selectors as text; a Layer object by its name."""
    if layers is None:
        return []
    several = [layers] if isinstance(layers, str) or hasattr(layers, "name") else layers
    return [layer if isinstance(layer, str) else layer.name for layer in several]
