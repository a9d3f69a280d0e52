"""One kind of Keras model, with data, what is monitored in it by default, and its activations found by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

Reference = Callable[[keras.Model, Any, bool], Mapping[str, Any]]
"""(model, x, training) -> tensors by the monitor's names, in call order, without any code of `nano_u.capture`."""


@dataclass(frozen=True)
class ModelStyle:
    """A model that `fit` can train in one call, and what a monitor with no argument must see in it.

    `selection` holds the default selection in call order when the model runs in inference mode, and whether only
    linear maps over channels read that tensor; `training_selection` the same where training mode makes more tensors
    (dropout). `outputs` are names in the reference that equal the model's own outputs, flattened. `channel_axis` is
    that of every tensor of rank above 2. `takes_penalty` is false where the training step never looks at
    `model.losses`. `tolerance` is relative, for scores; `slow` styles take seconds to trace.
    """

    name: str
    make: Callable[[], keras.Model]
    data: Callable[[], tuple[Any, Any]]
    reference: Reference
    selection: Mapping[str, bool]
    training_selection: Mapping[str, bool] | None = None
    outputs: tuple[str, ...] = ("logits",)
    loss: Any = "mse"
    channel_axis: int = -1
    takes_penalty: bool = True
    tolerance: float = 1e-4
    slow: bool = False

    def compiled(self, seed: int = 0) -> keras.Model:
        """A new model, equal for equal seeds; a model that comes compiled stays as it is."""
        keras.utils.set_random_seed(seed)
        model = self.make()
        if not model.compiled:
            model.compile(optimizer=keras.optimizers.SGD(0.05), loss=self.loss)
        return model

    def selected(self, *, training: bool) -> Mapping[str, bool]:
        """The default selection of that mode."""
        return self.training_selection if training and self.training_selection else self.selection

    def activations(self, model: keras.Model, x: Any, *, training: bool = False) -> dict[str, np.ndarray]:
        """The reference's float arrays, channels last; a built model whose variables are put back as they were."""
        before = [variable.numpy() for variable in model.variables]
        tensors = self.reference(model, x, training)
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        return {name: self._channels_last(tensor) for name, tensor in tensors.items()}

    def _channels_last(self, tensor: Any) -> np.ndarray:
        array = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))
        return np.moveaxis(array, self.channel_axis, -1) if array.ndim > 2 else array


def images(*shape: int, seed: int = 0, count: int = 8) -> np.ndarray:
    """Standard normal float32 `(count, *shape)`."""
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def masks(*shape: int, seed: int = 1, count: int = 8) -> np.ndarray:
    """Zeros and ones, float32 `(count, *shape)`."""
    return np.random.default_rng(seed).integers(0, 2, size=(count, *shape)).astype(np.float32)
