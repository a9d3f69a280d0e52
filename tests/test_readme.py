from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from nano_u.cli.lazy_group import Command, Group
from nano_u.cli.main import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMAND_LINES = re.findall(r"^nano-u .*$", README, re.MULTILINE)
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LINKS = re.findall(r"\]\(([^):]+)\)", README)


def commands() -> dict[str, Command]:
    """Every command by the words that call it."""
    found: dict[str, Command] = {}
    for entry in COMMANDS:
        if isinstance(entry, Group):
            found |= {f"{entry.name} {command.name}": command for command in entry.commands}
        else:
            found[entry.name] = entry
    return found


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_line_parses(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    command = commands()[name].load()

    context = command.make_context(name, arguments)

    assert context.args == []


def test_the_table_lists_exactly_the_commands_there_are() -> None:
    listed = re.findall(r"^\| `nano-u ([a-z-]+)", README, re.MULTILINE)

    assert sorted(listed) == sorted(entry.name for entry in COMMANDS)


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_to_a_file(link: str) -> None:
    assert (REPOSITORY / link).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON_BLOCKS)
def test_the_python_examples_run(code: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
