"""Images as networks take them."""

from __future__ import annotations

import numpy as np

from nano_u.data import as_floats


def test_bytes_become_the_nearest_255ths() -> None:
    every_byte = np.arange(256, dtype=np.uint8)

    floats = as_floats(every_byte)

    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, (np.arange(256) / 255).astype(np.float32))


def test_floats_are_taken_as_they_are() -> None:
    floats = as_floats(np.array([0.0, 0.25, 1.0]))

    assert floats.dtype == np.float32
    assert floats.tolist() == [0.0, 0.25, 1.0]
