"""Arrays of an `.npz` that may have been damaged: whole and as they were written, or one kind of error."""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

# All that zipfile and NumPy raise on bytes that are not what they wrote; NotImplementedError is a RuntimeError.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    EOFError,
    OSError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


def unpack_npz(content: bytes, *, max_bytes: int) -> dict[str, npt.NDArray[Any]]:
    """Every array of the archive by name, read-only; no pickled object is ever loaded.

    Members are read whole, which compares their checksums, before NumPy looks at them.

    Raises:
        ValueError: damage of any kind, or more than `max_bytes` unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_bytes:
                raise ValueError(f"unpacks to more than {max_bytes:,} bytes")
            return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members}
    except _DAMAGE as error:
        raise ValueError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _array(content: bytes) -> npt.NDArray[Any]:
    import numpy as np

    array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    array.setflags(write=False)
    return array
