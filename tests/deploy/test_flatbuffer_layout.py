from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from tests.quantization.random_graph import random_graph

from nano_u.deploy.flatbuffer import load_schema
from nano_u.deploy.flatbuffer_layout import OPTIONS, TABLES, check_layout
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.errors import DeployError


def small_file() -> bytes:
    return write_tflite(random_graph(8, length=6))


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def test_files_of_ours_and_of_the_converter_pass(tiny: Any) -> None:
    check_layout(small_file())
    check_layout(tiny.tflite)


def test_numbers_of_the_union_of_options_are_the_schemas() -> None:
    numbers = vars(load_schema().BuiltinOptions)

    assert {numbers[name]: name for name in OPTIONS.values()} == OPTIONS


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_as_many_fields_as_the_schema(name: str) -> None:
    """Fields that were given up have no function any more; the last field always has one."""
    adding = [function for function in vars(load_schema()) if function.startswith(f"{name}Add")]
    given_up = TABLES[name].count(None)

    assert len(adding) + given_up == len(TABLES[name])


def test_a_text_must_end_with_a_zero_byte() -> None:
    with pytest.raises(DeployError, match=r"^damaged TensorFlow Lite model: a text has no end$"):
        check_layout(replaced(small_file(), b"main\0", b"main!"))


def test_a_text_must_be_utf_8() -> None:
    with pytest.raises(DeployError, match=r"^damaged TensorFlow Lite model: 'utf-8' codec can't decode"):
        check_layout(replaced(small_file(), b"main\0", b"ma\xff\xfe\0"))


@pytest.mark.parametrize("end", range(0, 400, 7))
def test_a_file_cut_anywhere_is_refused(end: int) -> None:
    content = small_file()

    with pytest.raises(DeployError, match=r"^damaged TensorFlow Lite model: "):
        check_layout(content[: len(content) * end // 400])


def test_an_offset_to_nowhere_and_an_odd_place_are_refused() -> None:
    content = small_file()

    with pytest.raises(DeployError, match=r"the offset at byte 0 leads nowhere"):
        check_layout(struct.pack("<I", 0) + content[4:])
    with pytest.raises(DeployError, match=r"is not aligned"):
        check_layout(struct.pack("<I", struct.unpack_from("<I", content)[0] + 2) + content[4:])


def test_a_vector_longer_than_the_file_is_refused() -> None:
    content = small_file()
    place = content.index(b"main\0") - 4

    with pytest.raises(DeployError, match=r"again and again|outside of the file"):
        check_layout(content[:place] + struct.pack("<I", 2**31) + content[place + 4 :])


def reused(count: int) -> bytes:
    """A model of `count` graphs which are all the same one, and it has `count` tensors which are all the same one."""
    words = [24, 0x33_4C_46_54]  # the model's place, and TFL3
    words += [0x0008_0010, 0, 0x0000_0004, 0x0000_0000]  # its description: only the third field, 4 bytes on
    words[2:6] = np.asarray([10, 8, 0, 0, 4, 0, 0, 0], "<u2").view("<u4").tolist()
    model = len(words)
    assert model * 4 == 24
    words += [24 - 8, 4, count]  # its description's distance, the vector's, and its length
    words += [0] * count
    description = len(words)
    words += np.asarray([6, 8, 4, 0], "<u2").view("<u4").tolist()
    graph = len(words)
    words += [(graph - description) * 4, 4, count]
    tensors = len(words)
    words += [0] * count
    empty_description = len(words)
    words += np.asarray([4, 4], "<u2").view("<u4").tolist()
    tensor = len(words)
    words += [(tensor - empty_description) * 4]
    for number in range(count):
        words[model + 3 + number] = (graph - (model + 3 + number)) * 4
        words[tensors + number] = (tensor - (tensors + number)) * 4
    return np.asarray(words, "<u4").tobytes()


def test_one_part_used_many_times_over_is_refused_before_it_is_read() -> None:
    """A file of 80 kB would be read as a hundred million tensors."""
    check_layout(reused(1))

    with pytest.raises(DeployError, match=r"^damaged TensorFlow Lite model: its parts are used again and again$"):
        check_layout(reused(10_000))


def test_features_that_are_not_computed_are_refused_by_name() -> None:
    from nano_u.deploy.aligned_builder import pack
    from nano_u.deploy.flatbuffer import read_model

    schema = load_schema()
    model = read_model(small_file())
    model.subgraphs[0].tensors[0].sparsity = schema.SparsityParametersT()

    with pytest.raises(DeployError, match=r"^unusual TensorFlow Lite model: Tensor has field 6, which is not computed"):
        check_layout(pack(model))
