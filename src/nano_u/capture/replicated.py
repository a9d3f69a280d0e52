"""Variables that every replica of a distribution strategy has for itself; without one, plain variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf


def replicated(value: np.ndarray) -> tf.Variable:
    """A variable that starts with `value` in every replica; lifted out of a graph that is being traced."""
    with tf.init_scope():
        return tf.Variable(
            value,
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )


def per_replica(variable: tf.Variable) -> list[np.ndarray]:
    """The value in each replica, read outside of graphs without a copy; not to be written to."""
    return [np.asarray(one.value()) for one in _parts(variable)]


def assign(variable: tf.Variable, value: Any) -> None:
    """Set the value in every replica, outside of graphs."""
    for one in _parts(variable):
        one.assign(value)


def clearing(variables: Iterable[tf.Variable]) -> Callable[[], None]:
    """What sets the variables to zero in every replica, all in one call."""
    parts = [one for variable in variables for one in _parts(variable)]

    def clear() -> None:
        for one in parts:
            one.assign(tf.zeros(one.shape, one.dtype))

    # Called as it is, TensorFlow would warn of frequent tracing in a process with several monitors.
    traced = cache(tf.function(clear, autograph=False).get_concrete_function)
    return lambda: traced()()


def _parts(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    values = getattr(variable, "values", None)
    return tuple(values) if isinstance(values, (tuple, list)) else (variable,)
