"""What was monitored: model, cost, seed, settings, and the validation IoU of every epoch."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from nano_u.errors import RunError
from nano_u.monitoring.sinks.save_pace import SavePace
from nano_u.runs import read_json, write_json


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run before its first epoch; None means not known."""

    model_name: str
    parameters: int | None = None
    macs: int | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    """None: one is made."""


class RunFile:
    """The JSON file, written whole: by `save`, after epochs as often as is cheap, and at `flush` and `close`.

    `clock` gives seconds.

    Raises:
        RunError: the file is there and belongs to another model.
    """

    def __init__(self, path: Path, facts: RunFacts, *, first_epoch: int, clock: Callable[[], float]) -> None:
        earlier = _read_earlier(path, facts)
        self._path = path
        self._facts = facts
        self._run_id = earlier.get("run_id") or facts.run_id or _new_run_id()
        self._pace = SavePace(clock, seconds=0)
        self._unsaved = False
        self._iou = {epoch: iou for epoch, iou in _validation_iou(path, earlier).items() if epoch < first_epoch}

    def complete(self, parameters: int | None, macs: int | None) -> None:
        """What was not known of a model before its first step."""
        self._facts = replace(self._facts, parameters=parameters, macs=macs)
        self.save()

    def write_epoch(self, epoch: int, validation_iou: float | None) -> None:
        """Note the validation IoU of an epoch, from 1; NaN and infinity become null."""
        defined = validation_iou is not None and math.isfinite(validation_iou)
        self._iou[epoch] = validation_iou if defined else None
        self._unsaved = True
        if self._pace.is_due():
            self.save()

    def flush(self) -> None:
        """Write what is new."""
        if self._unsaved:
            self.save()

    def close(self) -> None:
        """Write what is new."""
        self.flush()

    def save(self) -> None:
        """Write the file."""
        facts = self._facts
        record = {
            "run_id": self._run_id,
            "model_name": facts.model_name,
            "parameters": facts.parameters,
            "macs": facts.macs,
            "seed": facts.seed,
            "validation_iou": [{"epoch": epoch, "iou": iou} for epoch, iou in self._iou.items()],
            "settings": facts.settings,
        }
        self._unsaved = False  # also where it fails: `close` does not try again
        with self._pace.saving():
            write_json(self._path, record)


def _read_earlier(path: Path, facts: RunFacts) -> dict[str, Any]:
    """What the file says of the run that is continued; empty without a file, RunError for another model's."""
    if not path.exists():
        return {}
    earlier = read_json(path)
    if not isinstance(earlier, dict):
        raise _not_ours(path)
    for name in ("model_name", "parameters"):
        unknown = earlier.get(name) is None or getattr(facts, name) is None  # not built yet when training began
        if not unknown and earlier.get(name) != getattr(facts, name):
            raise RunError(
                f"{path}: belongs to a model with {name} {earlier.get(name)!r}, not {getattr(facts, name)!r}; "
                "choose another log_dir or csv_path"
            )
    return earlier


def _validation_iou(path: Path, record: Mapping[str, Any]) -> dict[int, float | None]:
    try:
        return {int(row["epoch"]): row["iou"] for row in record.get("validation_iou", ())}
    except (TypeError, KeyError, ValueError) as error:
        raise _not_ours(path) from error


def _not_ours(path: Path) -> RunError:
    return RunError(f"{path}: not the record of a run; move it away to go on")


def _new_run_id() -> str:
    """Unique also where two runs begin in one second or the clock jumps."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
