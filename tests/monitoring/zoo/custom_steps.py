"""Models with a training step of their own."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers
from tests.monitoring.zoo.probes import at_layers
from tests.monitoring.zoo.style import ModelStyle, images, masks


class OwnStep(keras.Model):
    """The training step of Keras' guide: `compute_loss` adds `self.losses`."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.loss_of(x, y)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        for metric in self.metrics:
            metric.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}

    def loss_of(self, x: Any, y: Any) -> Any:
        return self.compute_loss(x, y, self(x, training=True))


class DeafStep(OwnStep):
    """Never looks at `self.losses`: no layer can add a loss."""

    def loss_of(self, x: Any, y: Any) -> Any:
        return tf.reduce_mean((self(x, training=True) - y) ** 2)


def _with_step(kind: type[OwnStep]) -> keras.Model:
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(inputs)
    x = layers.BatchNormalization(momentum=0.9, name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    return kind(inputs, layers.Conv2D(1, 1, name="logits")(x), name="own_step")


STYLES = tuple(
    ModelStyle(
        name,
        make,
        lambda: (images(12, 12, 3), masks(12, 12, 1)),
        at_layers("relu1", "logits"),
        selection={"relu1": True},
        takes_penalty=takes_penalty,
    )
    for name, make, takes_penalty in (
        ("own_training_step", lambda: _with_step(OwnStep), True),
        ("own_training_step_without_losses", lambda: _with_step(DeafStep), False),
    )
)
