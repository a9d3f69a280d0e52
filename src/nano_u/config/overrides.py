"""`key.path=value` from the command line, as a layer of settings on top of the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from nano_u.config.settings import EMPTY, Setting, from_plain, merge
from nano_u.config.validate import text_keys
from nano_u.config.yaml_file import parse_value, resolve_plain
from nano_u.errors import ConfigError


def override_layer(overrides: Iterable[str], settings: Mapping[str, Any]) -> Setting:
    """All overrides as one layer; of two for the same key the later wins, and `settings` win over `overrides`.

    `settings` holds values that are already typed (command-line flags) by dotted key; None means not given.
    """
    layers = [parse_override(text) for text in overrides]
    for key, value in settings.items():
        if value is not None:
            layers.append(_nested(key.split("."), from_plain(value, "command line")))
    return reduce(merge, layers, EMPTY)


def parse_override(text: str) -> Setting:
    """One `key.path=value`; the value is YAML, but keys that hold free text take it as it stands."""
    where = f"override {text!r}"
    key, separator, value = text.partition("=")
    path = key.strip().split(".")
    if not separator or not all(path):
        raise ConfigError(f"{where}: write it as key.path=value")
    value = value.strip()
    is_text = key.strip() in text_keys() and resolve_plain(value or "text") is not None and value[:1] not in ("'", '"')
    return _nested(path, Setting(value, where) if is_text else parse_value(value, where))


def _nested(path: list[str], setting: Setting) -> Setting:
    for key in reversed(path):
        setting = Setting({key: setting}, setting.where)
    return setting
