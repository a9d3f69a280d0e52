"""The parts of an int8 network: tensors, integer weights and operators, as TensorFlow Lite defines them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from nano_u.errors import DeployError

Shape = tuple[int, int, int]
"""`(height, width, channels)`: the batch axis is left out everywhere."""

Kind = Literal[
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "LOGISTIC",
    "MAX_POOL_2D",
    "PAD",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every operator that a `QuantizedGraph` may hold, by its name in TensorFlow Lite's schema."""

Activation = Literal["none", "relu", "relu6"]
"""The activation that an operator applies to its own result by clipping it."""


@dataclass(frozen=True)
class QuantizedTensor:
    """An int8 activation: real = scale * (q - zero_point).

    `name` is the Keras layer's. `scale` becomes the nearest float32, which is what files hold and kernels read.
    """

    name: str
    shape: Shape
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        with np.errstate(over="ignore", under="ignore"):
            object.__setattr__(self, "scale", float(np.float32(self.scale)))
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise DeployError(f"tensor {self.name!r}: scale must be a positive float32, got {self.scale}")
        if not -128 <= self.zero_point <= 127:
            raise DeployError(f"tensor {self.name!r}: zero point must be -128 to 127, got {self.zero_point}")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise DeployError(f"tensor {self.name!r}: expected (height, width, channels), got {self.shape}")

    def real(self, values: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """float32 of int8 values."""
        steps = np.asarray(values, np.int32) - self.zero_point
        return steps.astype(np.float32) * np.float32(self.scale)

    def is_quantized_like(self, other: QuantizedTensor) -> bool:
        """True where both have the same scale and zero point, so that values can be copied."""
        return (self.scale, self.zero_point) == (other.scale, other.zero_point)


@dataclass(frozen=True, eq=False)
class QuantizedWeights:
    """int8 `kernel` with one float32 scale per filter, zero points 0, and int32 `bias` at input scale * kernel scale.

    The kernel is `(filters, height, width, channels)` for CONV_2D and `(1, height, width, filters)` for
    DEPTHWISE_CONV_2D. The arrays are copied and cannot be written to.
    """

    kernel: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        for field, dtype in (("kernel", np.int8), ("scales", np.float32), ("bias", np.int32)):
            object.__setattr__(self, field, _frozen(field, getattr(self, field), dtype))
        if self.kernel.ndim != 4 or self.kernel.size == 0:
            raise DeployError(f"kernel must have four axes, none of them empty, got {self.kernel.shape}")
        if self.scales.ndim != 1 or self.bias.shape != self.scales.shape:
            raise DeployError(
                f"kernel scales and bias must hold one value per filter, got {self.scales.shape} and {self.bias.shape}"
            )
        if not (np.isfinite(self.scales).all() and (self.scales > 0).all()):
            raise DeployError("kernel scales must be positive and finite")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuantizedWeights):
            return NotImplemented
        return (
            np.array_equal(self.kernel, other.kernel)
            and np.array_equal(self.scales, other.scales)
            and np.array_equal(self.bias, other.bias)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def filters(self) -> int:
        """Number of output channels."""
        return len(self.scales)


@dataclass(frozen=True)
class QuantizedOp:
    """One operator; fields that its kind has no use for keep their default.

    `inputs` and `output` name tensors. `window` and `strides` are (height, width). `margins` are the zeros that PAD
    adds: ((above, below), (left, right)). The two flags choose the pixels that a resize reads.
    """

    kind: Kind
    inputs: tuple[str, ...]
    output: str
    weights: QuantizedWeights | None = None
    window: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    padding: Literal["same", "valid"] = "valid"
    activation: Activation = "none"
    margins: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    align_corners: bool = False
    half_pixel_centers: bool = False

    @property
    def kernel(self) -> QuantizedWeights:
        """The weights of an operator that has some; raises DeployError for any other."""
        if self.weights is None:
            raise DeployError(f"layer {self.output!r}: {self.kind} has no weights")
        return self.weights


def _frozen(field: str, values: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[np.generic]:
    """A read-only copy; only floats may change their type, because an integer that wraps would change the network."""
    array = np.asarray(values)
    if array.dtype != dtype and not np.issubdtype(dtype, np.floating):
        raise DeployError(f"{field} must be {np.dtype(dtype).name}, got {array.dtype}")
    copy = np.array(array, dtype, order="C")
    copy.setflags(write=False)
    return copy
