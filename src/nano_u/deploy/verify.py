"""Does the reference interpreter compute what TensorFlow Lite Micro computes, on these very images?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.deploy.micro import MicroModel, micro_available
from nano_u.deploy.progress import Progress
from nano_u.deploy.reference import ReferenceModel
from nano_u.errors import DeployError


@dataclass(frozen=True)
class Verification:
    """Outcome over `images` images; where TensorFlow Lite Micro is absent `reason` says so and the rest is None."""

    images: int
    equal_to_micro: bool | None
    differing_values: int | None
    arena_bytes: int | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return dataclasses.asdict(self)


def verify_int8(tflite: bytes, images: npt.NDArray[np.floating], *, progress: Progress | None = None) -> Verification:
    """Run float images in [0, 1] through BUILTIN_REF and through TensorFlow Lite Micro and compare every output value.

    `progress` gets (done, total) of the TensorFlow Lite Micro pass.
    """
    if len(images) == 0:
        raise DeployError("verification needs at least one image, got none")
    if not micro_available():
        reason = "tflite-micro is not installed; run: pip install 'nano-u[mcu]'"
        return Verification(len(images), None, None, None, reason)
    reference = ReferenceModel(tflite)
    micro = MicroModel(tflite)
    quantised = reference.quantise(images)
    differing = int(np.count_nonzero(reference.predict_int8(quantised) != micro.predict_int8(quantised, progress)))
    return Verification(len(images), differing == 0, differing, micro.arena_bytes)
