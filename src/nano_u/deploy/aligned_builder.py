"""A `.tflite` file packed from the schema's object tree, constants aligned as kernels expect."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy.typing as npt

from nano_u.deploy.flatbuffer import FILE_IDENTIFIER

BUFFER_ALIGNMENT = 16
"""Bytes: what the schema demands of constants (`force_align: 16`) and SIMD kernels expect."""


class AlignedBuilder(flatbuffers.Builder):
    """A builder that honours the alignment of constant buffers, which the generated Python code drops."""

    def CreateNumpyVector(self, x: npt.NDArray[Any]) -> int:  # noqa: N802
        """Offset of the bytes of `x`, written at a multiple of the alignment."""
        self.Prep(BUFFER_ALIGNMENT, x.nbytes)
        return int(super().CreateNumpyVector(x))


def pack(model: Any) -> bytes:
    """The file that holds this `ModelT`."""
    builder = AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())
