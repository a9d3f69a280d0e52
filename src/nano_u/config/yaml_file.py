"""YAML read with care: line numbers kept, no tags, no bombs, no duplicate keys, numbers as in YAML 1.2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from nano_u.config.settings import Setting, shown
from nano_u.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 10_000  # after aliases are expanded: a 330-byte file can expand to 58 MB

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_BASED_INT = re.compile(r"0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(path: Path) -> Setting:
    """The mapping in a YAML file, with file and line at every value; anything doubtful is a ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: too large for a configuration (more than {MAX_BYTES} bytes)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None

    root = _Composer(text, lambda line: f"{path}:{line}").document()
    if root.value is None:
        raise ConfigError(f"{path}: holds no settings")
    if not root.is_mapping:
        raise ConfigError(f"{root.where}: a configuration is a mapping of keys to values, got {shown(root.value)}")
    return root


def parse_value(text: str, where: str) -> Setting:
    """One YAML value out of a command-line text."""
    return _Composer(text, lambda line: where).document()


def resolve_plain(text: str) -> Any:
    """What an unquoted YAML scalar means, by the core rules of YAML 1.2: `1e-4` is a number, `yes` is a word."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _BASED_INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class _Composer:
    """Builds settings from YAML events: PyYAML's own composer recurses without limit and forgets duplicate keys."""

    def __init__(self, text: str, where: Callable[[int], str]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._where = where
        self._anchors: dict[str, tuple[Setting, int]] = {}
        self._nodes = 0

    def document(self) -> Setting:
        self._next()  # start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return Setting(None, self._where(1))
        root = self._node(self._next(), depth=0)
        self._next()  # end of the document
        extra = self._next()
        if not isinstance(extra, yaml.StreamEndEvent):
            raise self._error(extra, "a second YAML document ('---') is not read; keep one per file")
        return root

    def _node(self, event: Any, depth: int) -> Setting:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            raise self._error(event, f"the tag {event.tag!r} is not read; write plain values")
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._nodes
        self._count(event, 1)
        setting = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (setting, self._nodes - before)
        return setting

    def _content(self, event: Any, depth: int) -> Setting:
        where = self._line(event)
        if isinstance(event, yaml.ScalarEvent):
            return Setting(resolve_plain(event.value) if event.style is None else event.value, where)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._node(item, depth + 1))
            return Setting(tuple(items), where)
        return Setting(self._mapping(depth), where)

    def _mapping(self, depth: int) -> dict[str, Setting]:
        entries: dict[str, Setting] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.tag is not None:
                raise self._error(key, "a key must be a plain word")
            name, where = key.value, self._line(key)
            if name == "<<":
                raise ConfigError(f"{where}: '<<' is not read; write 'extends: NAME' to build on another experiment")
            if name in entries:
                raise ConfigError(f"{where}: key {name!r} is given twice (first at {entries[name].where}); keep one")
            entries[name] = replace(self._node(self._next(), depth + 1), where=where)
        return entries

    def _alias(self, event: Any) -> Setting:
        if event.anchor not in self._anchors:
            raise self._error(event, f"the alias '*{event.anchor}' has no finished anchor before it")
        setting, nodes = self._anchors[event.anchor]
        self._count(event, nodes)
        return setting

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES} values once its aliases are expanded")

    def _next(self) -> Any:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = _one_line(error.problem or error.context or "cannot be parsed")
            raise ConfigError(f"{self._where(mark.line + 1 if mark else 1)}: not valid YAML: {problem}") from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # ValueError: PyYAML passes an escape such as "\UFFFFFFFF" to chr() unchecked.
            problem = _one_line(str(getattr(error, "reason", error)))
            raise ConfigError(f"{self._where(1)}: not valid YAML: {problem}") from None

    def _line(self, event: Any) -> str:
        return self._where(event.start_mark.line + 1)

    def _error(self, event: Any, problem: str) -> ConfigError:
        return ConfigError(f"{self._line(event)}: {problem}")


def _one_line(text: str) -> str:
    if "'\\t'" in text:
        return "a tab cannot indent or start a value; use spaces"
    return " ".join(text.split())
