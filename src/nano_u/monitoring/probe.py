"""One pass over given images, looking at activations: what probe data and offline analysis have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from nano_u.capture.model_inputs import losses_restored, run
from nano_u.capture.moment_store import Slot
from nano_u.capture.observed_step import ObservedStep
from nano_u.capture.recorder import ForwardPass
from nano_u.capture.selection import Selection
from nano_u.errors import DataError
from nano_u.redundancy import GroupMoments


class ActivationProbe:
    """Runs a model on batches of inputs and returns the moments of the selected activations.

    Built once: the graph is traced at the first batch. Memory does not grow with the number of images.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        spatial: str = "pixels",
        max_channels: int | None = 256,
        training: bool = False,
        also: Callable[[ForwardPass], None] | None = None,
    ) -> None:
        model = selection.model

        def forward(inputs: Any) -> tf.Tensor:
            with losses_restored(model):
                run(model, inputs, training=training)
            return tf.constant(0)  # nothing but moments leaves the graph

        self._observed = ObservedStep(forward, selection, spatial=spatial, max_channels=max_channels, also=also)
        self._function = tf.function(self._observed, reduce_retracing=True, autograph=False)
        self._name = model.name

    def measure(self, batches: Iterable[Any], images: int) -> tuple[tuple[Slot, GroupMoments], ...]:
        """Moments of the first `images` images of `batches` (model inputs: an array, or a structure of them).

        Groups for the interval are 20 contiguous blocks of `images`: give the number that will really come.

        Raises:
            DataError: no images, or inputs that the model does not take.
            ConfigError: none of the selected layers ran.
        """
        observed = self._observed
        observed.open(images, whole_batch=False)
        seen = 0
        for inputs in batches:
            if seen >= images:
                break
            seen += self._run(inputs)
            if observed.failure is not None:
                raise observed.failure
        if observed.store is None or not seen:
            raise DataError(f"{self._name}: no images to observe")
        observed.close()
        return tuple(zip(observed.store.slots, observed.store.read(), strict=True))

    def _run(self, inputs: Any) -> int:
        tensors = keras.tree.map_structure(tf.convert_to_tensor, inputs)
        try:
            self._function(tensors)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in keras.tree.flatten(tensors))
            raise DataError(f"{self._name}: cannot run on inputs of shape {shapes}: {_first_line(error)}") from error
        return int(keras.tree.flatten(tensors)[0].shape[0])


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
