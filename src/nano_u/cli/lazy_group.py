"""A command group that knows its commands from a table and imports one only when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nano_u.cli.global_options import global_parameters
from nano_u.cli.multivalue import expand_multivalue


@dataclass(frozen=True)
class Command:
    """One command: its name, the line in the list of commands, and `module:function` that carries it out."""

    name: str
    help: str
    target: str

    def load(self) -> TyperCommand:
        """Import the function and make the command from its annotations."""
        module, _, function = self.target.partition(":")
        app = typer.Typer(add_completion=False, rich_markup_mode="markdown")  # "rich" swallows 'nano-u[cpu]'
        app.command(self.name, cls=MultiValueCommand)(getattr(import_module(module), function))
        command = typer.main.get_command(app)
        assert isinstance(command, TyperCommand)
        command.params.extend(global_parameters())
        return command


@dataclass(frozen=True)
class Group:
    """A command with sub-commands."""

    name: str
    help: str
    commands: tuple[Command, ...]

    def load(self) -> LazyGroup:
        """Make the group; its commands stay unloaded."""
        return LazyGroup(self.name, self.help, self.commands, params=global_parameters())


class MultiValueCommand(TyperCommand):
    """A command whose list options take all the values that follow them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Expand the list options, then parse as usual."""
        lists = {name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts}
        return super().parse_args(ctx, expand_multivalue(args, lists))


class LazyGroup(TyperGroup):
    """Lists its commands from the table; loads the one that is called."""

    def __init__(self, name: str, help: str, entries: Sequence[Command | Group], *, params: list[Any]) -> None:
        placeholders: dict[str, Any] = {entry.name: TyperCommand(entry.name, help=entry.help) for entry in entries}
        super().__init__(name=name, help=help, commands=placeholders, params=params)
        self._entries = {entry.name: entry for entry in entries}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put the real command in the placeholder's place, then resolve as usual."""
        if args[0] in self._entries:
            self.commands[args[0]] = self._entries.pop(args[0]).load()
        return super().resolve_command(ctx, args)
