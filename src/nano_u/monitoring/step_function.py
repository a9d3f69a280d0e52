"""Exchanging what `fit` calls for every step, and putting it back.

`fit` fetches `model.train_function` anew for each step, and `evaluate` `model.test_function`. Ours is made by Keras
itself around an observed step, so that `steps_per_execution`, XLA, eager runs and distribution stay Keras' business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from nano_u.capture.observed_step import ObservedStep
from nano_u.monitoring.fit_arguments import callbacks_of_fit
from nano_u.monitoring.options import MonitorOptions

Kind = Literal["train", "test"]
_END_OF_DATA = (StopIteration, tf.errors.OutOfRangeError)


class ObservedFunction:
    """Stands in for `model.train_function` or `model.test_function` from `install` to `restore`.

    It runs only when armed just before, as the callback does at the start of each batch. A call without that is
    somebody else's: another callback's `train_on_batch`, which gets the original, or a later `fit` without the monitor
    after an earlier one died, which puts the original back. An error in a step puts it back too.
    """

    def __init__(self, model: keras.Model, kind: Kind, step: ObservedStep) -> None:
        self._model = model
        self._attribute = f"{kind}_function"
        self._original: Callable[[Any], Any] = getattr(model, self._attribute)
        self._function = _make_function(model, kind, step)
        self._armed = False
        self._on_first_call: Callable[[], None] | None = None

    def serves(self, model: keras.Model) -> bool:
        """Whether this was made for the model as it is compiled now."""
        current = getattr(model, self._attribute)
        return model is self._model and (current is self._original or current is self)

    def install(self, on_first_call: Callable[[], None] | None = None) -> None:
        """Take the original's place; `on_first_call` runs after the first step from now."""
        self._on_first_call = on_first_call
        setattr(self._model, self._attribute, self)

    def restore(self) -> None:
        """Put the original back; nothing happens where something else took our place."""
        if getattr(self._model, self._attribute) is self:
            setattr(self._model, self._attribute, self._original)

    def arm(self) -> None:
        """Allow one call."""
        self._armed = True

    def __call__(self, iterator: Any) -> Any:
        """One step (or `steps_per_execution` of them); returns its logs."""
        if not self._armed:
            if not any(isinstance(getattr(one, "options", None), MonitorOptions) for one in callbacks_of_fit()):
                self.restore()
            return self._original(iterator)
        self._armed = False
        try:
            logs = self._function(iterator)
            if self._on_first_call is not None:
                first, self._on_first_call = self._on_first_call, None
                first()
        except _END_OF_DATA:
            raise
        except BaseException:
            self.restore()
            raise
        return logs


def restore_functions(model: keras.Model) -> None:
    """Put back whatever an earlier, interrupted `fit` left in place."""
    for attribute in ("train_function", "test_function"):
        function = getattr(model, attribute, None)
        if isinstance(function, ObservedFunction):
            function.restore()


def _make_function(model: keras.Model, kind: Kind, step: ObservedStep) -> Callable[[Any], Any]:
    """What Keras makes for `step` in place of `model.train_step` or `model.test_step`; the model is as before."""
    own = vars(model)
    name, attribute = f"{kind}_step", f"{kind}_function"
    before = getattr(model, attribute)
    overridden = own.get(name)
    own[name] = step
    try:
        getattr(model, f"make_{attribute}")(force=True)
        made: Callable[[Any], Any] = getattr(model, attribute)
    finally:
        del own[name]
        if overridden is not None:
            own[name] = overridden
        setattr(model, attribute, before)
    return made
