"""Old configuration files, flat or nested, to a file with one experiment called `migrated`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nano_u.config.settings import EMPTY, Setting, from_plain, shown, to_plain
from nano_u.config.suggest import did_you_mean
from nano_u.config.synonyms import combine
from nano_u.config.validate import build_config
from nano_u.config.write import to_yaml
from nano_u.config.yaml_file import read_yaml
from nano_u.errors import ConfigError

# The keys of an old file, in the order they are written, with the value an old file meant by leaving them out.
DEFAULTS: Mapping[str, Any] = {
    "model_name": "nano_u",
    "epochs": 50,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "use_distillation": False,
    "teacher_weights": None,
    "alpha": 0.3,
    "temperature": 4.0,
    "use_nas": False,
    "layers_to_monitor": None,
    "nas_frequency": 10,
}

# Old name -> ours; `section.key` is a key of an old nested file.
RENAMED: Mapping[str, str] = {
    "model": "model_name",
    "model.name": "model_name",
    "lr": "learning_rate",
    "training.lr": "learning_rate",
    "distillation": "use_distillation",
    "distillation.enabled": "use_distillation",
    "nas": "use_nas",
    "nas.enabled": "use_nas",
    "nas.layers": "layers_to_monitor",
    "nas.layer_selectors": "layers_to_monitor",
    "nas.frequency": "nas_frequency",
    "nas.log_frequency": "nas_frequency",
    "nas.monitor_batch_freq": "nas_frequency",
}
SECTIONS = ("model", "training", "distillation", "nas")
CARRIED_OVER = (*DEFAULTS, "data", "val_fraction", "seed", "debug_mode", "verbose_logging")

# Names that Keras gives by itself; they change with every model built in a process.
_AUTOMATIC_NAME = re.compile(
    r"(conv[123]d|conv2d_transpose|depthwise_conv2d|separable_conv2d|dense|activation|re_?lu|leaky_re_?lu|softmax"
    r"|batch_normalization|layer_normalization|(max|average)_pooling2d|global_(max|average)_pooling2d|up_sampling2d"
    r"|zero_padding2d|cropping2d|resizing|rescaling|concatenate|add|multiply|dropout|spatial_dropout2d|flatten|reshape"
    r"|permute|identity|lambda|input(_layer)?|functional|sequential|model)(_\d+)?"
)


def migrate_old_config(old_path: Path | str, new_path: Path | str) -> tuple[str, ...]:
    """Writes `new_path` with the old file's settings as experiment `migrated`; returns warnings, one line each.

    An existing `new_path` is never overwritten. Nothing is written when a value of the old file is wrong.
    """
    old, new = Path(old_path), Path(new_path)
    reading = _read_old(read_yaml(old))
    if not reading.settings:
        raise ConfigError(f"{old}: holds none of the old keys ({', '.join(DEFAULTS)}); nothing to migrate")
    values = {**DEFAULTS, **{key: to_plain(setting) for key, setting in reading.settings.items()}}
    build_config(combine(combine(EMPTY, from_plain(DEFAULTS)), Setting(reading.settings, str(old))))
    _write_new(new, f"# Migrated from {old.name!a}\n{to_yaml({'experiments': {'migrated': values}})}")
    return tuple(reading.warnings)


@dataclass
class _Reading:
    settings: dict[str, Setting] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def _read_old(root: Setting) -> _Reading:
    reading = _Reading()
    for key, setting in root.entries.items():
        if key in SECTIONS and setting.is_mapping:
            for inner, value in setting.entries.items():
                _take(reading, f"{key}.{inner}", value)
            if key in ("distillation", "nas") and "enabled" not in setting.entries:
                _take(reading, key, Setting(True, setting.where))
        else:
            _take(reading, key, setting)
    if "layers_to_monitor" in reading.settings:
        _drop_automatic_names(reading)
    return reading


def _take(reading: _Reading, old_key: str, setting: Setting) -> None:
    key = RENAMED.get(old_key, old_key.rpartition(".")[2])
    if key not in CARRIED_OVER:
        known = did_you_mean(key, (*CARRIED_OVER, *RENAMED))
        reading.warnings.append(f"{setting.where}: key {old_key!r} is not known and was left out{known}")
    elif setting.value is None:
        return
    elif key in reading.settings and to_plain(reading.settings[key]) != to_plain(setting):
        first = reading.settings[key]
        raise ConfigError(f"{setting.where}: {old_key!r} contradicts the {key} of {first.where}; keep one of them")
    else:
        reading.settings[key] = setting


def _drop_automatic_names(reading: _Reading) -> None:
    setting = reading.settings["layers_to_monitor"]
    names = to_plain(setting)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list):
        return
    automatic = [name for name in names if isinstance(name, str) and _AUTOMATIC_NAME.fullmatch(name)]
    if not automatic:
        return
    kept = [name for name in names if name not in automatic]
    instead = f"kept {shown(kept)}" if kept else "the default selection of layers is used instead"
    reading.warnings.append(
        f"{setting.where}: layers_to_monitor: {', '.join(automatic)}: names that Keras numbers by itself change with "
        f"every model; {instead}"
    )
    reading.settings["layers_to_monitor"] = from_plain(kept or None, setting.where)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path}: exists already and is not overwritten; choose another name") from None
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # half a file, on a full disk
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
