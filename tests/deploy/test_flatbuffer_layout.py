from __future__ import annotations

import inspect
import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flatbuffers import number_types
from tests.quantization.random_graph import random_graph

from nano_u.deploy.flatbuffer import load_schema
from nano_u.deploy.flatbuffer_layout import ABSENT, OPTIONS, TABLES, TEXT, check_layout
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.deploy.schema_numbers import OPTION_CLASSES
from nano_u.errors import DeployError
from nano_u.quantization import KINDS, Kind

NOT_COMPUTED = {
    "Model": ("ExternalBufferGroups", "ExternalBuffers"),
    "Operator": ("BuiltinOptions2",),
    "QuantizationParameters": ("Details",),
    "Tensor": ("Sparsity", "VariantTensors"),
}
UNION = "union"


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


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_named_after_their_operator_and_pools_share_theirs(kind: Kind) -> None:
    words = re.sub("^(AVERAGE|MAX)_POOL", "POOL", kind).split("_")
    name = "".join(word.title() for word in words) + "Options"

    assert OPTION_CLASSES.get(kind) == (name if hasattr(load_schema().BuiltinOptions, name) else None)


def test_only_the_options_of_operators_that_are_computed_are_looked_into() -> None:
    assert set(OPTIONS.values()) == set(OPTION_CLASSES.values())


def schema_fields(name: str) -> dict[int, object]:
    """What the schema's reader of this table reads, by the number of the field; given up ones it does not read."""
    reader, fields = getattr(load_schema(), name), {}
    for adding in (function for function in vars(load_schema()) if function.startswith(f"{name}Add")):
        field = adding.removeprefix(f"{name}Add")
        source = inspect.getsource(getattr(reader, field))
        (slot,) = re.findall(r"_tab\.Offset\((\d+)\)", source)
        fields[int(slot) // 2 - 2] = ABSENT if field in NOT_COMPUTED.get(name, ()) else what_is_read(source)
    return fields


def what_is_read(source: str) -> object:
    if "_tab.Union(" in source:
        return UNION
    if "_tab.String(" in source:
        return TEXT
    tables, numbers = re.findall(r"obj = (\w+)\(\)", source), re.findall(r"_tab\.Get\(.*?(\w+Flags), ", source)
    (item,) = tables or [getattr(number_types, number).bytewidth for number in numbers]
    return [item] if "_tab.Vector(" in source else item


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_fields_of_the_schema(name: str) -> None:
    ours = {number: UNION if isinstance(field, Mapping) else field for number, field in enumerate(TABLES[name])}

    assert {number: field for number, field in ours.items() if field is not None} == schema_fields(name)


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


def with_number(content: bytes, place: int, layout: str, number: int) -> bytes:
    return content[:place] + struct.pack(layout, number) + content[place + struct.calcsize(layout) :]


def first_operator(content: bytes) -> Any:
    return load_schema().Model.GetRootAs(content).Subgraphs(0).Operators(0)


@pytest.mark.parametrize("size", [2, 7])
def test_a_description_that_cannot_be_one_is_refused(size: int) -> None:
    content = small_file()
    table = first_operator(content)._tab.Pos
    description = table - struct.unpack_from("<i", content, table)[0]

    with pytest.raises(DeployError, match=rf"^damaged TensorFlow Lite model: a table's description has {size} bytes$"):
        check_layout(with_number(content, description, "<H", size))


def test_a_description_that_reaches_out_of_the_file_is_refused() -> None:
    content = small_file()
    table = first_operator(content)._tab.Pos
    description = table - struct.unpack_from("<i", content, table)[0]
    size = (len(content) - description) // 2 * 2 + 2

    with pytest.raises(DeployError, match=rf"bytes {description} to {description + size - 1} lie outside of the file$"):
        check_layout(with_number(content, description, "<H", size))


def pool_file() -> bytes:
    return write_tflite(random_graph(0, ("MAX_POOL_2D",), 1))


def test_damaged_options_are_refused() -> None:
    content = pool_file()
    options = first_operator(content).BuiltinOptions().Pos

    with pytest.raises(DeployError, match=r"^damaged TensorFlow Lite model: bytes \d+ to \d+ lie outside of the file$"):
        check_layout(with_number(content, options, "<i", -(2**30)))


def test_options_that_are_not_looked_into_must_still_lie_in_the_file() -> None:
    content, number = pool_file(), load_schema().BuiltinOptions.SoftmaxOptions
    table = first_operator(content)._tab
    kind, offset = (table.Pos + table.Offset(4 + 2 * field) for field in (3, 4))
    unknown = with_number(content, kind, "<B", number)
    check_layout(unknown)

    with pytest.raises(DeployError, match=rf"bytes {len(content)} to {len(content)} lie outside of the file$"):
        check_layout(with_number(unknown, offset, "<I", len(content) - offset))


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
