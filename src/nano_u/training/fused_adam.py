"""Adam whose update of one variable is one TensorFlow kernel instead of a dozen operators."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="nano_u")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with the same state, configuration and results; AdamW where `weight_decay` is given.

    These networks have some hundred variables of a few numbers each: the overhead of Keras' element-wise update costs
    as much as a convolution. AMSGrad and distributed training take Keras' own path.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move `variable` and its moments by one step (Kingma & Ba 2015, end of section 2)."""
        index = self._get_variable_index(variable)
        moments = [self._momentums[index].value, self._velocities[index].value]
        plain = all(hasattr(state, "handle") for state in (variable, *moments))
        if self.amsgrad or not plain or tf.distribute.has_strategy():
            super().update_step(gradient, variable, learning_rate)
            return
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        beta1, beta2 = (tf.constant(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=moments[0].handle,
            v=moments[1].handle,
            beta1_power=tf.pow(beta1, step),
            beta2_power=tf.pow(beta2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta1,
            beta2=beta2,
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """As they are, on one device: Keras' sum over replicas keeps the graph of every training until the end."""
        return super()._all_reduce_sum_gradients(grads_and_vars) if tf.distribute.has_strategy() else grads_and_vars
