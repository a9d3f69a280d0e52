"""Configuration values that remember where they were written, so that every later error can name file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A scalar, a tuple of settings or a mapping of settings, and where it comes from (`train.yaml:7`)."""

    value: Any
    where: str = ""
    written: str | None = None  # the user's own name for it, where that is a synonym of ours

    @property
    def is_mapping(self) -> bool:
        """Whether this is a section: a mapping of names to settings."""
        return isinstance(self.value, Mapping)

    @property
    def entries(self) -> Mapping[str, Setting]:
        """The settings of a section by name; an empty section (`nas:` with nothing below) has none."""
        return self.value if isinstance(self.value, Mapping) else {}

    def error_prefix(self) -> str:
        """`train.yaml:7: `, or nothing for values that come from Python."""
        return f"{self.where}: " if self.where else ""


EMPTY = Setting({})


def from_plain(value: Any, where: str = "") -> Setting:
    """Settings from nested Python mappings and lists; every one gets the same `where`."""
    if isinstance(value, Mapping):
        return Setting({str(key): from_plain(child, where) for key, child in value.items()}, where)
    if isinstance(value, (list, tuple)):
        return Setting(tuple(from_plain(child, where) for child in value), where)
    return Setting(value, where)


def to_plain(setting: Setting) -> Any:
    """The bare nested value: dict, list or scalar."""
    if isinstance(setting.value, Mapping):
        return {key: to_plain(child) for key, child in setting.value.items()}
    if isinstance(setting.value, tuple):
        return [to_plain(child) for child in setting.value]
    return setting.value


def merge(base: Setting, over: Setting) -> Setting:
    """`over` on top of `base`: sections merge key by key, anything else replaces; an empty section changes nothing."""
    if base.is_mapping and over.value is None:
        return base
    if not (base.is_mapping and over.is_mapping):
        return over
    merged = dict(base.entries)
    for key, setting in over.entries.items():
        merged[key] = merge(merged[key], setting) if key in merged else setting
    return Setting(merged, over.where or base.where)


def locate(root: Setting, path: Sequence[str | int]) -> tuple[str, Setting]:
    """The setting at `path` and its dotted name, or the nearest one above it when the path leaves the tree."""
    setting, name = root, ""
    for step in path:
        if isinstance(step, int) and isinstance(setting.value, tuple) and step < len(setting.value):
            setting, name = setting.value[step], f"{name}[{step}]"
        elif isinstance(step, str) and step in setting.entries:
            setting, name = setting.entries[step], f"{name}.{step}" if name else step
        else:
            break
    return name, setting


def shown(value: Any, limit: int = 60) -> str:
    """A value as an error message shows it: short, one line."""
    if isinstance(value, Mapping):
        return "a section of keys"
    text = (
        {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else repr(value)
    )
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
