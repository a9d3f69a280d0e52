"""Training under int8 arithmetic that comes to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nano_u.config import load_experiment
from nano_u.data import load_data
from nano_u.errors import NonFiniteLossError
from nano_u.models import create_model_from_config
from nano_u.runs import create_run
from nano_u.workflows.refining import refine
from nano_u.workflows.training import TrainingObserver


class BrokenWhileValidated(keras.callbacks.Callback):
    """Lets a network compute NaN in validation, and only there: training would stop by itself."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.high = self.model.get_layer("logits_range").high
        self.before = np.asarray(self.high)
        self.high.assign(np.nan)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self.high.assign(self.before)


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (("quantization.learning_rate=0.25", "quantization.epochs=1"), "quantization.learning_rate (0.25)"),
        (("learning_rate=0.125", "epochs=1", "quantization.from_first_epoch=true"), "learning_rate (0.125)"),
    ],
)
def test_the_learning_rate_that_was_in_force_is_named(
    tiny_dataset: Path, tiny_settings: tuple[str, ...], tmp_path: Path, settings: tuple[str, ...], remedy: str
) -> None:
    overrides = (*tiny_settings, "quantization.aware=true", *settings)
    config = load_experiment(None, None, overrides, settings={"data": str(tiny_dataset)})
    model, data = create_model_from_config(config.model), load_data(str(tiny_dataset), config)
    run = create_run(tmp_path / "run", name="nano_u")
    observer = TrainingObserver(callbacks=(BrokenWhileValidated(),))

    with pytest.raises(NonFiniteLossError) as caught:
        refine(model, run, config, data, teacher=None, observer=observer)

    assert str(caught.value) == (
        f"{run.path}: every epoch under int8 arithmetic ended with a NaN or infinite loss; lower {remedy}"
    )
