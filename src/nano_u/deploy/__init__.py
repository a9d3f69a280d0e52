"""int8 conversion, device-true prediction, arena and stock-Keras export.

Names load on first use: reading a `.tflite` needs no TensorFlow, converting does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.deploy.affine import INPUT_QUANTIZATION, AffineQuantization
    from nano_u.deploy.convert import convert_int8
    from nano_u.deploy.flatbuffer import TfliteGraph, read_graph
    from nano_u.deploy.micro import MicroModel, micro_available
    from nano_u.deploy.operators import MICRO_OPERATORS, check_operators, list_operators
    from nano_u.deploy.quantized_reader import quantized_graph_of
    from nano_u.deploy.quantized_writer import write_tflite
    from nano_u.deploy.record import ExportRecord, build_export_record
    from nano_u.deploy.reference import ReferenceModel
    from nano_u.deploy.stock import to_stock_keras
    from nano_u.deploy.summary import TfliteSummary, summarise_tflite
    from nano_u.deploy.threshold import int8_threshold
    from nano_u.deploy.verify import Verification, verify_int8

_MODULES = {
    "AffineQuantization": "affine",
    "INPUT_QUANTIZATION": "affine",
    "convert_int8": "convert",
    "TfliteGraph": "flatbuffer",
    "read_graph": "flatbuffer",
    "MicroModel": "micro",
    "micro_available": "micro",
    "MICRO_OPERATORS": "operators",
    "check_operators": "operators",
    "list_operators": "operators",
    "quantized_graph_of": "quantized_reader",
    "write_tflite": "quantized_writer",
    "ExportRecord": "record",
    "build_export_record": "record",
    "ReferenceModel": "reference",
    "to_stock_keras": "stock",
    "TfliteSummary": "summary",
    "summarise_tflite": "summary",
    "int8_threshold": "threshold",
    "Verification": "verify",
    "verify_int8": "verify",
}

__all__ = [
    "INPUT_QUANTIZATION",
    "MICRO_OPERATORS",
    "AffineQuantization",
    "ExportRecord",
    "MicroModel",
    "ReferenceModel",
    "TfliteGraph",
    "TfliteSummary",
    "Verification",
    "build_export_record",
    "check_operators",
    "convert_int8",
    "int8_threshold",
    "list_operators",
    "micro_available",
    "quantized_graph_of",
    "read_graph",
    "summarise_tflite",
    "to_stock_keras",
    "verify_int8",
    "write_tflite",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
