"""Images as networks take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def as_floats(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """float32 in [0, 1]: bytes are divided by 255, floats are taken as they are."""
    floats: npt.NDArray[np.float32] = images.astype(np.float32)
    return floats / np.float32(255) if images.dtype == np.uint8 else floats
