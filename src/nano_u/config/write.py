"""An experiment as YAML that reads back to the same experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from nano_u.config.schema import ExperimentConfig
from nano_u.config.yaml_file import resolve_plain


def config_to_yaml(config: ExperimentConfig) -> str:
    """Every key of the experiment as YAML, as a run directory keeps it; `load_experiment` reads it back equal."""
    return to_yaml(config.model_dump())


def to_yaml(values: Mapping[str, Any]) -> str:
    """Nested values as YAML in the order given: sections as blocks, lists on one line."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper with the quoting that our reading of plain scalars needs (it leaves the text '1e-4' bare)."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if resolve_plain(text) == text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, items: Any) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", list(items), flow_style=True)


def _mapping(dumper: yaml.SafeDumper, entries: dict[str, Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", entries, flow_style=False)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(tuple, _list)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _mapping)
