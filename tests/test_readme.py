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
YOURS = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

x = np.random.default_rng(0).random((20, 16, 16, 3), np.float32)
y = x.mean(axis=(1, 2))
layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
model = keras.Sequential([keras.Input((16, 16, 3)), *layers], name="yours")
model.compile("adam", "mse")
"""
"""What a reader of the example with `model.fit` has: a compiled model and data."""
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
    script = YOURS + code if "model.fit(" in code else code

    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
    if "model.fit(" in code:
        assert (tmp_path / "logs" / "nas" / "yours_nas_metrics.csv").read_text(encoding="utf-8").count("\n") == 11


def test_the_monitor_takes_five_lines_at_most() -> None:
    (code,) = [code for code in PYTHON_BLOCKS if "model.fit(" in code]

    assert len([line for line in code.splitlines() if line]) <= 5
