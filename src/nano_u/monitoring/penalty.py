"""The redundancy penalty inside any model's training step, through the losses that its layers may add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from nano_u.capture.layer_tree import LayerEntry, layer_tree
from nano_u.capture.recorder import ForwardPass, Hooks
from nano_u.capture.replicated import assign, per_replica, replicated
from nano_u.capture.roles import agreed_channels_first, channels_first, is_activation
from nano_u.capture.selection import Selection, Selector, select_layers
from nano_u.errors import ConfigError, TrainingError
from nano_u.losses.decorrelation import correlation_redundancy
from nano_u.losses.warm_up import on_gradient, warmed_up


class RedundancyPenalty:
    """Adds `weight` times the mean squared off-diagonal correlation of the selected layers to the model's loss.

    The penalty is scale-free, in [0, 1], so that a network cannot lower it by shrinking its activations. It rises
    linearly from 0 over `warmup_steps` training steps. Whether it takes part in the loss is known as soon as the first
    step has been traced: its gradient was asked for, or not.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        weight: float,
        warmup_steps: int,
        spatial: Literal["pixels", "mean"],
        selectors: Sequence[Selector] | Selector | None = None,
        first_step: int = 0,
    ) -> None:
        self._selection = selection
        self._selectors = selectors
        self._weight = weight
        self._warmup_steps = warmup_steps
        self._spatial = spatial
        self._step = replicated(np.array(first_step, np.int64))
        self._total = replicated(np.zeros(2))
        self._pending: dict[int, list[tuple[tf.Tensor, bool]]] = {}
        self._added: list[Any] = []
        self.reaches_the_loss = False

    @property
    def hooks(self) -> Hooks:
        """What the recorder does inside the layers' calls."""
        return Hooks(before=self._before, after=self._after, done=self._forget)

    def restart(self, first_step: int) -> None:
        """For another `fit` with the graph already traced: the warm-up goes on after `first_step` training steps."""
        assign(self._step, np.array(first_step, np.int64))
        assign(self._total, np.zeros(2))

    def check(self) -> None:
        """After the first step: raise TrainingError where the loss left the penalty out."""
        if not self.reaches_the_loss:
            raise TrainingError(
                f"{self._selection.model.name}: your train_step ignores model.losses, so redundancy_weight has no "
                "effect; add sum(self.losses) to its loss, or set redundancy_weight=0"
            )

    def mean_and_reset(self) -> float | None:
        """Mean of the weighted penalty over the steps since the last call; None when there were none."""
        values = np.sum(per_replica(self._total), axis=0)
        assign(self._total, np.zeros(2))
        return float(values[0] / values[1]) if values[1] else None

    def _forget(self) -> None:
        """Take the added tensors off the model, which is then as it was."""
        losses = self._selection.model._losses
        losses[:] = [loss for loss in losses if not any(loss is added for added in self._added)]
        self._added.clear()

    def _before(self, forward: ForwardPass, entry: LayerEntry, tensors: tuple[Any, ...]) -> None:
        model = self._selection.model
        if entry.layer is model and len(layer_tree(model)) != len(self._selection.entries):  # its build has made layers
            self._selection = select_layers(model, self._selectors)
        if id(entry.layer) in self._selection.inputs and tensors:
            self._take(forward, tensors[:1], entry.layer)

    def _after(self, forward: ForwardPass, entry: LayerEntry, tensors: tuple[Any, ...]) -> None:
        if id(entry.layer) in self._selection.outputs:
            self._take(forward, tensors, entry.layer)
        if entry.layer is self._selection.model:
            self._add(forward, tensors)

    def _take(self, forward: ForwardPass, tensors: tuple[Any, ...], layer: keras.layers.Layer) -> None:
        first = channels_first(layer, agreed_channels_first(entry.layer for entry in self._selection.entries))
        taken = self._pending.setdefault(id(forward), [])
        for tensor in tensors:
            known = any(tensor is other for other in (*(one for one, _ in taken), *forward.inputs))
            if not known and 2 <= len(tensor.shape) <= 5 and _channels(tensor, first) not in (None, 1):
                taken.append((tensor, first))

    def _add(self, forward: ForwardPass, outputs: tuple[Any, ...]) -> None:
        """At the end of the model's own call, where `add_loss` is still heard."""
        tensors = self._pending.pop(id(forward), [])
        chosen = self._selection.by_role
        if not self._selection.model_output and chosen and len(tensors) > 1:
            tensors = [pair for pair in tensors if not any(pair[0] is output for output in outputs)]
        if self._selection.model_output:
            first = agreed_channels_first(entry.layer for entry in self._selection.entries)
            tensors += [(output, first) for output in outputs if _channels(output, first) not in (None, 1)]
        if not tensors:
            raise ConfigError(no_channels(self._selection))
        penalties = [
            correlation_redundancy(
                tensor, spatial=self._spatial, data_format="channels_first" if first else "channels_last"
            )
            for tensor, first in tensors
        ]
        weight = warmed_up(self._weight, self._step, self._warmup_steps)
        penalty = on_gradient(weight * tf.add_n(penalties) / len(penalties), self._note_gradient)
        self._total.assign_add(tf.cast(tf.stack([tf.stop_gradient(penalty), 1.0]), tf.float64))
        self._step.assign_add(1)
        keras.layers.Layer.add_loss(self._selection.model, penalty)  # functional models refuse their own
        self._added.append(penalty)

    def _note_gradient(self) -> None:
        self.reaches_the_loss = True


def no_channels(selection: Selection) -> str:
    """What to say where a penalty is asked of one channel."""
    hidden = [entry.path for entry in selection.entries if is_activation(entry.layer)]
    hint = f", for example layers={hidden[-1:]!r}" if hidden else ""
    return f"redundancy_weight: one channel cannot repeat another; name layers with several channels{hint}"


def _channels(tensor: tf.Tensor, first: bool) -> int | None:
    count = tensor.shape[1 if first else -1]
    return None if count is None else int(count)
