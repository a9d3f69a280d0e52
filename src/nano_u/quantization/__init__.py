"""int8 networks as records, and their exact integer arithmetic in NumPy: what the microcontroller will compute."""

from nano_u.quantization.activation_range import INT8_MAX, INT8_MIN, activation_range
from nano_u.quantization.integer_reference import run_integer, run_integer_tensors
from nano_u.quantization.multiplier import (
    QuantizedMultiplier,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
)
from nano_u.quantization.quantized_graph import QuantizedGraph
from nano_u.quantization.record import KINDS, Activation, Kind, QuantizedOp, QuantizedTensor, QuantizedWeights, Shape
from nano_u.quantization.rescaling import AdditionFactors, addition_factors, output_factors
from nano_u.quantization.sliding_window import margins

__all__ = [
    "INT8_MAX",
    "INT8_MIN",
    "KINDS",
    "Activation",
    "AdditionFactors",
    "Kind",
    "QuantizedGraph",
    "QuantizedMultiplier",
    "QuantizedOp",
    "QuantizedTensor",
    "QuantizedWeights",
    "Shape",
    "activation_range",
    "addition_factors",
    "margins",
    "multiply_by_quantized_multiplier",
    "output_factors",
    "quantize_multiplier",
    "run_integer",
    "run_integer_tensors",
]
