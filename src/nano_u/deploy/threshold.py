"""A probability threshold as the int8 value that firmware compares with."""

from __future__ import annotations

import math

import numpy as np

from nano_u.deploy.affine import AffineQuantization
from nano_u.errors import DeployError
from nano_u.quantization import INT8_MAX, INT8_MIN

NEVER = INT8_MAX + 1
"""Threshold that no int8 output reaches."""


def int8_threshold(probability: float, output: AffineQuantization, *, probabilities: bool = False) -> int:
    """Smallest int8 output that counts as foreground: `q >= threshold` equals `dequantised >= logit(probability)`.

    With `probabilities` the model's output is a probability and is compared with `probability` itself. The result lies
    in [-128, 128]: -128 where every output passes, 128 where none does, so firmware compares as `int`.
    """
    if not 0.0 < probability < 1.0:
        raise DeployError(f"threshold must lie strictly between 0 and 1, got {probability}")
    target = np.float32(probability if probabilities else math.log(probability / (1.0 - probability)))

    estimate = math.ceil(float(target) / output.scale) + output.zero_point
    # The division rounds: the answer is the estimate or a neighbour.
    for candidate in range(estimate - 1, estimate + 2):
        clipped = min(max(candidate, INT8_MIN), NEVER)
        if clipped == NEVER or output.dequantise(np.array(clipped)) >= target:
            return clipped
    return NEVER
