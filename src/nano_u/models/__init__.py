"""Keras models built from architecture records."""

from __future__ import annotations

from nano_u.models.build import build_model
from nano_u.models.describe import architecture_of
from nano_u.models.factory import (
    REGISTRY,
    count_parameters,
    create_bu_net,
    create_model_from_config,
    create_nano_u,
)
from nano_u.models.layers import FusedBatchNormalization, UpsampleNearest
from nano_u.models.saved import load_model, save_model

__all__ = [
    "REGISTRY",
    "FusedBatchNormalization",
    "UpsampleNearest",
    "architecture_of",
    "build_model",
    "count_parameters",
    "create_bu_net",
    "create_model_from_config",
    "create_nano_u",
    "load_model",
    "save_model",
]
