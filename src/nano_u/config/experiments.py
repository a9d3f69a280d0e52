"""Named experiments: which layers of settings one is made of, lowest first, and the result of merging them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from nano_u.config.overrides import override_layer
from nano_u.config.schema import ExperimentConfig
from nano_u.config.settings import EMPTY, Setting, shown
from nano_u.config.suggest import did_you_mean
from nano_u.config.synonyms import EXPERIMENT_SYNONYMS, combine
from nano_u.config.validate import build_config
from nano_u.config.yaml_file import read_yaml
from nano_u.errors import ConfigError

DEFAULT_FILE = Path("configs/experiments.yaml")
MAX_CHAIN = 10

Chain = tuple[tuple[Path, str | None], ...]


def load_experiment(
    path: Path | str | None,
    experiment: str | None = None,
    overrides: Sequence[str] = (),
    *,
    settings: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> ExperimentConfig:
    """The experiment of a YAML file, with everything it extends below it and the command line on top.

    Without `experiment` a file of one experiment is taken whole, and of several the one named `default`. Without
    `path` a named experiment comes from `configs/experiments.yaml`, an unnamed one is the built-in defaults.
    `overrides` are texts (`training.loss=dice`), `settings` typed values by dotted key where None means not given;
    `defaults`, likewise, lie below the file.
    """
    layers: list[Setting] = [override_layer((), defaults or {})]
    if path is not None or experiment is not None:
        layers += _layers(Path(path) if path is not None else DEFAULT_FILE, experiment, ())
    layers.append(override_layer(overrides, settings or {}))
    return build_config(reduce(combine, layers, EMPTY))


def list_experiments(path: Path | str) -> tuple[str, ...]:
    """Names of the experiments in a YAML file, in the file's order; none where the file is one experiment itself."""
    return tuple(_ConfigFile.read(Path(path)).experiments)


@dataclass(frozen=True)
class _ConfigFile:
    """A file taken apart: what all its experiments share, what the file builds on, and the experiments."""

    path: Path
    shared: Setting
    extends: Setting | None
    experiments: Mapping[str, Setting]

    @classmethod
    def read(cls, path: Path) -> _ConfigFile:
        root = read_yaml(path)
        entries = dict(root.entries)
        if "experiments" not in entries and _is_mapping_of_experiments(entries):
            return cls(path, EMPTY, None, entries)
        experiments = entries.pop("experiments", EMPTY)
        if not experiments.is_mapping or (experiments is not EMPTY and not experiments.entries):
            raise ConfigError(f"{experiments.where}: experiments: should name at least one experiment")
        for name, body in experiments.entries.items():
            if body.value is not None and not body.is_mapping:
                raise ConfigError(f"{body.where}: experiment {name!r}: should hold keys, got {shown(body.value)}")
        extends = entries.pop("extends", None)
        return cls(path, Setting(entries, root.where), extends, experiments.entries)

    def chosen(self, name: str | None) -> str | None:
        """The experiment meant by `name`, which may be None; None for a file that is one experiment."""
        if name is None:
            if len(self.experiments) > 1 and "default" not in self.experiments:
                raise ConfigError(f"{self.path}: say which experiment: {', '.join(self.experiments)}")
            return "default" if "default" in self.experiments else next(iter(self.experiments), None)
        if not self.experiments:
            raise ConfigError(f"{self.path}: holds no named experiments, so {name!r} cannot be one; leave the name out")
        if name not in self.experiments:
            raise ConfigError(f"{self.path}: unknown experiment {name!r}{self.hint(name)}")
        return name

    def hint(self, name: str) -> str:
        """What to write instead of an unknown experiment."""
        return f"{did_you_mean(name, self.experiments)} (experiments: {', '.join(self.experiments)})"


def _is_mapping_of_experiments(entries: Mapping[str, Setting]) -> bool:
    """Whether a file without `experiments:` lists them at its top: only sections, one of them with our keys."""
    known = {*ExperimentConfig.model_fields, *EXPERIMENT_SYNONYMS, "extends"}
    bodies = entries.values()
    return all(body.is_mapping or body.value is None for body in bodies) and any(
        key in known for name, body in entries.items() if name not in known for key in body.entries
    )


def _layers(path: Path, experiment: str | None, chain: Chain) -> list[Setting]:
    """The layers of an experiment, lowest first: what the file builds on, what it shares, what it extends, its own."""
    file = _ConfigFile.read(path)
    name = file.chosen(experiment)
    return _file_layers(file, chain) if name is None else _experiment_layers(file, name, chain)


def _file_layers(file: _ConfigFile, chain: Chain) -> list[Setting]:
    if file.extends is None:
        return [file.shared]
    link = _link(file.extends)
    if link[0] is None:
        raise ConfigError(
            f"{file.extends.where}: extends: at the top of a file it names another file (base.yaml or base.yaml#name), "
            f"got {link[1]!r}"
        )
    return [*_layers(file.path.parent / link[0], link[1], _step(file, None, chain, file.extends)), file.shared]


def _experiment_layers(file: _ConfigFile, name: str, chain: Chain) -> list[Setting]:
    body = file.experiments[name]
    own = Setting({key: setting for key, setting in body.entries.items() if key != "extends"}, body.where)
    extends = body.entries.get("extends")
    if extends is None:
        return [*_file_layers(file, chain), own]
    chain = _step(file, name, chain, extends)
    other, parent = _link(extends)
    if other is not None:
        return [*_file_layers(file, chain), *_layers(file.path.parent / other, parent, chain), own]
    if parent not in file.experiments:
        raise ConfigError(f"{extends.where}: extends: unknown experiment {parent!r}{file.hint(str(parent))}")
    return [*_experiment_layers(file, str(parent), chain), own]


def _link(extends: Setting) -> tuple[str | None, str | None]:
    """File and experiment named by an `extends`: `name`, `file.yaml` or `file.yaml#name`."""
    if not isinstance(extends.value, str) or not extends.value:
        raise ConfigError(f"{extends.where}: extends: should be the name of one experiment, got {shown(extends.value)}")
    file, hash_sign, name = extends.value.partition("#")
    if hash_sign or Path(file).suffix in (".yaml", ".yml"):
        return file, name or None
    return None, extends.value


def _step(file: _ConfigFile, name: str | None, chain: Chain, extends: Setting) -> Chain:
    """The chain with one more link; a link that is already in it closes a circle."""
    link = (file.path.resolve(), name)
    longer = (*chain, link)
    if link in chain or len(longer) > MAX_CHAIN:
        names = " -> ".join(step_name or step_path.name for step_path, step_name in longer[:MAX_CHAIN])
        problem = "goes round in a circle" if link in chain else f"is longer than {MAX_CHAIN} steps"
        raise ConfigError(f"{extends.where}: extends {problem}: {names}")
    return longer
