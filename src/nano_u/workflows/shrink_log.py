"""What a shrinking has tried so far, on disk after every step, so that it can go on after an interrupt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.errors import RunError
from nano_u.models import load_model, save_model
from nano_u.reporting.shrink_steps import ShrinkStep, read_steps, shrink_csv
from nano_u.runs import RunDirectory, atomic_path, create_run, read_json, write_json, write_text_atomic

if TYPE_CHECKING:
    import keras


@dataclass
class ShrinkLog:
    """`shrink.json` and `shrink.csv` of a run directory, and `steps/NN.keras`: the network after each step kept.

    `began_with` is what another call must have in common with the first to go on.
    """

    run: RunDirectory
    began_with: Mapping[str, Any]
    steps: list[ShrinkStep] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, began_with: Mapping[str, Any], *, name: str) -> ShrinkLog:
        """The log of an interrupted shrinking, or an empty one in a new run directory.

        Raises RunError where the directory holds something else.
        """
        run = RunDirectory(path)
        file = run.shrink_path
        if not file.is_file():
            return cls(create_run(path, name=name), began_with)
        steps = read_steps(file)
        if read_json(file).get("began_with") != dict(began_with):
            what = "holds a shrinking of another model or with other options"
            raise RunError(f"{path}: {what}; give another --run-dir")
        if run.is_finished:
            raise RunError(f"{path}: is finished; give another --run-dir, or remove it to begin afresh")
        return cls(run, began_with, list(steps))

    @property
    def latest(self) -> keras.Model | None:
        """The network after the last step that was kept; None where that is the one at the start."""
        kept = [step.number for step in self.steps if step.kept and step.number > 0]
        return load_model(self._model_path(kept[-1])) if kept else None

    def note(self, step: ShrinkStep, model: keras.Model) -> None:
        """Keep the network where the step was kept, then the step: an interrupt in between repeats it."""
        if step.kept and step.number > 0:
            path = self._model_path(step.number)
            path.parent.mkdir(exist_ok=True)
            with atomic_path(path) as temporary:
                save_model(model, temporary)
        self.steps.append(step)
        record = {"began_with": dict(self.began_with), "steps": [one.to_dict() for one in self.steps]}
        write_json(self.run.shrink_path, record)
        write_text_atomic(self.run.shrink_path.with_suffix(".csv"), shrink_csv(self.steps))

    def _model_path(self, number: int) -> Path:
        return self.run.path / "steps" / f"{number:02d}.keras"
