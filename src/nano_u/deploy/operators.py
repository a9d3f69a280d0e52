"""The operators of a `.tflite` file against those that TensorFlow Lite Micro has."""

from __future__ import annotations

from nano_u.deploy.flatbuffer import read_graph
from nano_u.errors import DeployError

_REGISTERED = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
    BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV
    DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED
    GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
    LOG_SOFTMAX LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAX_POOL_2D MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG
    NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND
    SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE
    TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
MICRO_OPERATORS = frozenset(_REGISTERED.split())
"""Every built-in that `MicroMutableOpResolver` can register: the kernels linked into tflite-micro 0.dev20261023182759.

That a kernel takes int8 in every combination is not said here: `verify_int8` runs the model to know.
"""


def list_operators(tflite: bytes) -> tuple[str, ...]:
    """Operator names in the order in which they run, repeated as often as they occur."""
    return tuple(operator.name for operator in read_graph(tflite).operators)


def check_operators(tflite: bytes) -> None:
    """Raise DeployError, naming operator and layer, where TensorFlow Lite Micro lacks an operator."""
    missing: dict[str, str] = {}
    for operator in read_graph(tflite).operators:
        if operator.name not in MICRO_OPERATORS:
            missing.setdefault(operator.name, operator.layer)
    if missing:
        found = ", ".join(f"{name} (layer {layer!r})" for name, layer in missing.items())
        raise DeployError(f"TensorFlow Lite Micro has no {found}; replace these layers")
