"""The architecture record of the model that is looked at, whichever way it can be had."""

from __future__ import annotations

import logging

import keras

from nano_u.capture import describe_model
from nano_u.errors import ModelError
from nano_u.graph import Architecture
from nano_u.models import architecture_of

logger = logging.getLogger(__name__)

_REFUSALS = (ModelError, TypeError, ValueError, NotImplementedError)  # code, or a get_config that refuses


def described(model: keras.Model, *, level: int = logging.INFO) -> Architecture | None:
    """The record of any model that has been built, from its configuration or else from one forward pass.

    None where its sizes are open or it describes itself wrongly; the reason is logged at `level`.
    """
    try:
        architecture = architecture_of(model)
        _ = architecture.shapes
    except _REFUSALS:
        try:
            return describe_model(model)
        except _REFUSALS as error:
            logger.log(level, "no graph.json: %s", error)
            return None
    return architecture
