from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.training.averaging import AveragedWeights


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.stop_training = epoch + 1 == self.epochs


class Seen(keras.callbacks.Callback):
    """The single weight after each step and at each epoch's end."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[float] = []
        self.epochs: list[float] = []

    def weight(self) -> float:
        return float(self.model.get_weights()[0].item())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.steps.append(self.weight())

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs.append(self.weight())


@pytest.mark.parametrize("stop_after", [2, 3])
def test_epochs_end_and_training_ends_with_the_average(stop_after: int) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse", jit_compile=False)
    seen = Seen()

    model.fit(
        np.ones((4, 1)),
        np.ones((4, 1)),
        batch_size=2,
        epochs=3,
        callbacks=[StopAfter(stop_after), AveragedWeights(), seen],
        shuffle=False,
        verbose=0,
    )

    # SGD on (w - 1)^2 with rate 0.1 brings w a fifth of the way to 1 with every step.
    steps = [1 - 0.8 ** (number + 1) for number in range(2 * stop_after)]
    averages = [steps[0]]
    for step in steps[1:]:
        averages.append(0.5 * averages[-1] + 0.5 * step)
    assert seen.steps == pytest.approx(steps, abs=1e-6)
    assert seen.epochs == pytest.approx(averages[1::2], abs=1e-6)
    assert seen.weight() == pytest.approx(averages[-1], abs=1e-6)
