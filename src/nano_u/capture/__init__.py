"""Activations of any Keras model while it runs: which layers, their tensors, the moments of those.

Names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.capture.call_graph import architecture_of_calls, describe_model
    from nano_u.capture.collapse import _collapse_spatial_to_channels as _collapse_spatial_to_channels
    from nano_u.capture.collapse import collapse_spatial
    from nano_u.capture.extractor import ActivationExtractor
    from nano_u.capture.unet_selector import UNetLayerSelector

_MODULES = {
    "architecture_of_calls": "call_graph",
    "describe_model": "call_graph",
    "_collapse_spatial_to_channels": "collapse",
    "collapse_spatial": "collapse",
    "ActivationExtractor": "extractor",
    "UNetLayerSelector": "unet_selector",
}

__all__ = [
    "ActivationExtractor",
    "UNetLayerSelector",
    "architecture_of_calls",
    "collapse_spatial",
    "describe_model",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
