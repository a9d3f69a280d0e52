"""A streaming network as C text, and the folder in which it is compiled together with a harness."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Protocol, runtime_checkable

from nano_u.errors import DeployError

_C_NAME = re.compile(r"[a-z][a-z0-9_]*")


class StreamingSources(Protocol):
    """C files `<name>.h` and `<name>.c` of a network that takes rows and gives rows.

    They define `<name>_state`, `<name>_init`, `<name>_push_row`, `<name>_run`, and `<NAME>_INPUT_` and `<NAME>_OUTPUT_`
    with `HEIGHT`, `WIDTH` and `CHANNELS`.
    """

    @property
    def name(self) -> str:
        """Prefix of every C identifier, lower case."""

    @property
    def header(self) -> str:
        """Text of `<name>.h`."""

    @property
    def source(self) -> str:
        """Text of `<name>.c`."""


@runtime_checkable
class HasCompanions(Protocol):
    """Sources that are made of further C files."""

    @property
    def companions(self) -> Mapping[str, str]:
        """File name to text."""


def write_sources(sources: StreamingSources, folder: Path, harness: Sequence[str]) -> tuple[str, ...]:
    """Write the network's files and the harness' named ones into `folder`; returns the network's own C files."""
    if not _C_NAME.fullmatch(sources.name):
        raise DeployError(
            f"{sources.name!r} cannot be the name of a C network; use lower-case letters, digits and underscores"
        )
    companions = sources.companions if isinstance(sources, HasCompanions) else {}
    texts = {f"{sources.name}.h": sources.header, f"{sources.name}.c": sources.source, **companions}
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    package = resources.files("nano_u.toolchain").joinpath("harness")
    for file in harness:
        (folder / file).write_bytes(package.joinpath(file).read_bytes())
    names = Template(package.joinpath("network-under-test.h").read_text(encoding="utf-8"))
    (folder / "network-under-test.h").write_text(
        names.substitute(name=sources.name, NAME=sources.name.upper()), encoding="utf-8"
    )
    return tuple(file for file in texts if file.endswith(".c"))
