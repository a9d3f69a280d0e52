from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.data.mask_values import MaskEncoding, Storage, encoding_warnings, palette_disagreement, read_values
from nano_u.errors import DataError

TRUTH = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("storage", "value"),
    [("1-bit", 1), ("8-bit", 1), ("8-bit", 255), ("16-bit", 1), ("16-bit", 255), ("16-bit", 65535), ("palette", 7)],
)
def test_two_values_are_background_and_class(storage: Storage, value: int) -> None:
    reading = read_values("m", TRUTH.astype(np.uint16) * value, storage)

    np.testing.assert_array_equal(reading.mask, TRUTH)
    assert reading.mask.dtype == np.uint8
    assert reading.encoding == MaskEncoding(storage, value, 6)


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), (1, 1.0), (255, 1.0)])
def test_a_constant_file_is_all_background_or_all_class(value: int, share: float) -> None:
    assert read_values("m", np.full((2, 3), value, np.uint8), "8-bit").mask.mean() == share


@pytest.mark.parametrize(
    ("values", "storage", "message"),
    [
        ((0, 1, 255), "8-bit", r"m: mask holds 0, 1, 255; if 255 marks .* dataset\.ignore_index: 255"),
        ((1, 255), "8-bit", r"m: mask holds 1, 255; if 255 marks"),
        ((0, 128), "8-bit", r"m: mask holds 0, 128; write the class as 1 or 255"),
        ((0, 128, 255), "8-bit", r"m: mask holds 0, 128, 255; it must hold 0 and one value"),
        ((0, 3), "16-bit", r"m: mask holds 0, 3; write the class"),
        ((0, 1, 2), "palette", r"m: mask holds 0, 1, 2; it must hold"),
        (tuple(range(12)), "palette", r"m: mask holds the values 0, 1, 2, 3, 4, 5, \.\.\. \(12 in all\)"),
    ],
)
def test_what_could_mean_several_things_is_refused(values: tuple[int, ...], storage: Storage, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_values("m", np.array([values], np.uint16), storage)


def test_the_value_to_ignore_becomes_255_and_decides_nothing() -> None:
    reading = read_values("m", np.array([[0, 1, 255]], np.uint8), "8-bit", ignore_index=255)
    only_void = read_values("m", np.array([[0, 255]], np.uint8), "8-bit", ignore_index=255)
    other = read_values("m", np.array([[0, 255, 11]], np.uint8), "8-bit", ignore_index=11)

    assert reading.mask.tolist() == [[0, 1, 255]]
    assert only_void.mask.tolist() == [[0, 255]]
    assert only_void.encoding.foreground_value is None
    assert other.mask.tolist() == [[0, 1, 255]]


def test_ringing_of_a_lossy_file_is_thresholded_at_half_and_counted() -> None:
    values = np.array([[0, 3, 40, 250, 255, 255, 255, 0, 0, 0]], np.uint8)

    reading = read_values("m", values, "8-bit", is_lossy=True)

    assert reading.mask.tolist() == [[0, 0, 0, 1, 1, 1, 1, 0, 0, 0]]
    assert reading.encoding.stray_pixels == 3


def test_a_lossy_file_that_kept_its_two_values_is_exact() -> None:
    reading = read_values("m", TRUTH * 255, "8-bit", is_lossy=True)

    np.testing.assert_array_equal(reading.mask, TRUTH)
    assert reading.encoding.stray_pixels == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(256, dtype=np.uint8), r"m: looks like a photograph"),
        (np.array([0, 1, 2, 1], np.uint8), r"m: lossy mask with largest value 2: its two values are lost"),
    ],
)
def test_a_lossy_file_without_two_clear_values_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_values("m", values[None], "8-bit", is_lossy=True)


def test_ringing_cannot_be_told_from_values_to_ignore() -> None:
    with pytest.raises(DataError, match=r"m: mask holds"):
        read_values("m", np.array([[0, 3, 255, 254]], np.uint8), "8-bit", is_lossy=True, ignore_index=255)


@given(st.sets(st.integers(0, 255), min_size=1, max_size=5))
def test_no_set_of_values_gives_a_silent_constant_mask(values: set[int]) -> None:
    stored = np.array([sorted(values)], np.uint8)

    try:
        mask = read_values("m", stored, "8-bit").mask
    except DataError:
        return

    assert len(np.unique(mask)) == len(values)


def test_palette_masks_must_agree_on_the_index_of_the_class() -> None:
    agreeing = {
        "a": MaskEncoding("palette", 1, 4),
        "b": MaskEncoding("palette", 1, 4),
        "c": MaskEncoding("palette", None, 4),
    }

    assert palette_disagreement(agreeing) is None
    assert palette_disagreement({**agreeing, "d": MaskEncoding("palette", 2, 4)}) == (
        "palette masks disagree on the class: index 1 in a, index 2 in d; write masks with one class only"
    )


def test_mixed_and_lossy_encodings_are_told() -> None:
    clean = {"a": MaskEncoding("8-bit", 255, 100), "b": MaskEncoding("1-bit", 1, 100)}

    assert encoding_warnings(clean) == ()
    mixed = encoding_warnings({**clean, "c": MaskEncoding("8-bit", 1, 100)})
    lossy = encoding_warnings({**clean, "d": MaskEncoding("8-bit", 255, 100, stray_pixels=7)})
    assert mixed[0].startswith("some masks use 0/1 (c), others 0/255 (a)")
    assert lossy[0].startswith("1 mask(s) in a lossy format: 7 of 100 pixels hold neither 0 nor 255")


def test_encodings_read_well() -> None:
    assert str(MaskEncoding("8-bit", 255, 4)) == "8-bit 0/255"
    assert str(MaskEncoding("palette", None, 4)) == "palette 0 only"
    assert str(MaskEncoding("8-bit", 254, 4, stray_pixels=1)) == "8-bit 0/254 lossy"
