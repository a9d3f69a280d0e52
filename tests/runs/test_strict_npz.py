from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.runs import unpack_npz

LIMIT = 1_000_000


def packed(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


WHOLE = packed(numbers=np.arange(40).reshape(5, 8), names=np.array(["a", "bc"]))


def test_arrays_come_back_equal_and_cannot_be_written_to() -> None:
    found = unpack_npz(WHOLE, max_bytes=LIMIT)

    np.testing.assert_array_equal(found["numbers"], np.arange(40).reshape(5, 8))
    assert found["names"].tolist() == ["a", "bc"]
    with pytest.raises(ValueError, match="read-only"):
        found["numbers"][0, 0] = 1


def test_an_archive_that_would_fill_the_memory_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(ValueError, match="unpacks to more than 1,000 bytes"):
        unpack_npz(packed(zeros=np.zeros(100_000)), max_bytes=1_000)


def test_pickled_objects_are_never_loaded() -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        unpack_npz(packed(objects=np.array([{}], object)), max_bytes=LIMIT)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_a_value_error_or_changes_nothing(place: int, change: int) -> None:
    content = bytearray(WHOLE)
    content[place] ^= change

    try:
        found = unpack_npz(bytes(content), max_bytes=LIMIT)
    except ValueError:
        return
    for array in found.values():
        assert array.tolist() in (np.arange(40).reshape(5, 8).tolist(), ["a", "bc"])


@given(st.integers(0, len(WHOLE) - 1))
def test_a_torn_archive_is_a_value_error(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_npz(WHOLE[:length], max_bytes=LIMIT)
