"""What a running `fit` was asked for, which Keras does not tell its callbacks."""

from __future__ import annotations

import sys
from types import FrameType

import keras


def validates() -> bool | None:
    """Whether the `fit` that called us has validation data; None where no `fit` of Keras' is found.

    Keras 3 callbacks know neither the data nor whether there will be a validation pass. The answer decides which of
    two graphs is observed, and observing both would double the start-up, so the caller's own variable is looked at.
    """
    frame = _fit_frame()
    return None if frame is None else frame.f_locals.get("validation_data") is not None


def callbacks_of_fit() -> tuple[keras.callbacks.Callback, ...]:
    """The callbacks of the `fit` that is running; none where there is no such."""
    frame = _fit_frame()
    found = None if frame is None else frame.f_locals.get("callbacks")
    return tuple(getattr(found, "callbacks", ()))


def _fit_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_globals.get("__name__", "").startswith("keras.src."):
            return frame
        frame = frame.f_back
    return None
