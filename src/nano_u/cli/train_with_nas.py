"""`nano-u train-with-nas`: `nano-u train` with redundancy monitoring on."""

from __future__ import annotations

from functools import wraps
from typing import Any

from nano_u.cli.train import train_command


@wraps(train_command, assigned=("__annotations__",))
def train_with_nas_command(**arguments: Any) -> None:
    """Train with redundancy monitoring on; the options are those of train, and --no-enable-nas turns it off."""
    if arguments.get("enable_nas") is None:
        arguments["enable_nas"] = True
    train_command(**arguments)
