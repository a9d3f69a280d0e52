"""Every name that monitoring settings go by, brought to the one name of the `nas` section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nano_u.config.settings import Setting, merge, shown, to_plain
from nano_u.errors import ConfigError

# Top-level keys of an experiment that say the same as a key of its `nas` section.
EXPERIMENT_SYNONYMS = {
    "use_nas": "enabled",
    "layers_to_monitor": "layers",
    "nas_frequency": "monitor_batch_freq",  # and log_freq: batch
}

# Further names inside the `nas` section.
NAS_SYNONYMS = {
    "layer_selectors": "layers",
    "probe_layers": "layers",
    "layers_to_monitor": "layers",
    "monitor_frequency": "log_freq",
    "covariance_weight": "redundancy_weight",
    "nas_weight": "redundancy_weight",
}


def combine(base: Setting, layer: Setting) -> Setting:
    """`layer` on top of `base`, in our own names; two names for one thing with different values are an error."""
    layer = settle(layer)
    merged = merge(base, layer)
    nas = merged.entries.get("nas")
    if nas is None or not nas.is_mapping:
        return merged
    own = layer.entries["nas"].entries if "nas" in layer.entries else {}
    return replace(merged, value={**merged.entries, "nas": replace(nas, value=settle_interval(nas.entries, own))})


def settle(layer: Setting) -> Setting:
    """The layer with `use_nas`, `layers_to_monitor`, `nas_frequency` and the synonyms moved into its `nas` section."""
    entries = dict(layer.entries)
    section = entries.get("nas", Setting(None, layer.where))
    given = {key: entries.pop(key) for key in EXPERIMENT_SYNONYMS if key in entries}
    if section.value is not None and not section.is_mapping:
        return replace(layer, value=entries)  # the schema says later what a section is
    nas = settle_nas(section.entries)
    for key, setting in given.items():
        if setting.value is None:
            continue
        _put(nas, EXPERIMENT_SYNONYMS[key], replace(setting, written=key))
        if key == "nas_frequency":
            _put(nas, "log_freq", Setting("batch", setting.where, written=key))
    if nas:
        entries["nas"] = replace(section, value=nas)
    return replace(layer, value=entries)


def settle_nas(nas: Mapping[str, Setting]) -> dict[str, Setting]:
    """The entries of a `nas` section with its synonyms renamed; a synonym that is null counts as not given."""
    settled = {key: setting for key, setting in nas.items() if key not in NAS_SYNONYMS}
    for key, setting in nas.items():
        if key in NAS_SYNONYMS and setting.value is not None:
            _put(settled, NAS_SYNONYMS[key], replace(setting, written=f"nas.{key}"))
    return settled


def settle_interval(merged: Mapping[str, Setting], layer: Mapping[str, Setting]) -> dict[str, Setting]:
    """In batch mode `log_frequency: N` is `monitor_batch_freq: N`; in epoch mode it stays, every N epochs.

    `layer` holds what the last merged layer itself said: it decides over an interval from below.
    """
    settled = dict(merged)
    if "log_freq" not in merged or merged["log_freq"].value != "batch" or "log_frequency" not in merged:
        return settled
    inherited = settled.pop("log_frequency")
    own = layer.get("log_frequency", Setting(None))
    if own.value is not None:
        own_batches = {key: layer[key] for key in ("monitor_batch_freq",) if key in layer}
        _put(own_batches, "monitor_batch_freq", replace(own, written="nas.log_frequency"))
        settled.update(own_batches)
    elif inherited.value is not None and "monitor_batch_freq" not in settled:
        settled["monitor_batch_freq"] = replace(inherited, written="nas.log_frequency")
    return settled


def _put(entries: dict[str, Setting], key: str, setting: Setting) -> None:
    """Sets `key`, or checks that it already says the same."""
    present = entries.get(key)
    if present is None or present.value is None:
        entries[key] = setting
    elif not _same(present, setting):
        one, other = present.written or f"nas.{key}", setting.written or f"nas.{key}"
        at = f" at {present.where}" if present.where != setting.where else ""
        conflict = f"{other}: {_shown(setting)} contradicts {one}: {_shown(present)}{at}"
        raise ConfigError(f"{setting.error_prefix()}{conflict}; keep one of them")


def _same(one: Setting, other: Setting) -> bool:
    first, second = (_as_names(to_plain(setting)) for setting in (one, other))
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


def _as_names(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _shown(setting: Setting) -> str:
    return shown(to_plain(setting))
