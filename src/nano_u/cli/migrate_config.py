"""`nano-u migrate-config OLD NEW`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def migrate_config(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Configuration file of an older version.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="File to write; it must not exist yet.")],
) -> None:
    """Turn an old configuration file into one with an experiment called `migrated`."""
    from nano_u.config import migrate_old_config

    for warning in migrate_old_config(old, new):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"Configuration migrated to: {new}")
