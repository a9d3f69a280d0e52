from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.html.small_certificate import (
    LONG_COMPILER,
    MEMORY,
    SHA,
    small_certificate,
    with_other_bytes,
)

from nano_u.errors import DeployError, RunError
from nano_u.reporting.certificate import (
    Certificate,
    Witness,
    memory_table,
    read_certificate,
    stage_table,
    witness_table,
)
from nano_u.runs import write_json

Damage = Callable[[dict[str, Any]], object]


def written(folder: Path, certificate: Certificate) -> Path:
    write_json(folder / "certificate.json", certificate.to_dict())
    return folder / "certificate.json"


@pytest.mark.parametrize(
    "certificate",
    [
        small_certificate(),
        with_other_bytes(small_certificate(layer="<b>"), 3),
        small_certificate(accuracy=None, stages=(), camera=None),
        small_certificate(memory=dataclasses.replace(MEMORY, stack_bytes=None, code_bytes=None, arena_bytes=None)),
    ],
)
def test_what_was_written_is_read_again(tmp_path: Path, certificate: Certificate) -> None:
    assert read_certificate(written(tmp_path, certificate)) == certificate


DAMAGED: list[tuple[Damage, str]] = [
    (lambda record: record.pop("memory"), "memory"),
    (lambda record: record["memory"].update(state_bytes="much"), "memory.state_bytes"),
    (lambda record: record["memory"].update(state_bytes=-1), "memory.state_bytes"),
    (lambda record: record["memory"].update(live_bytes=2**53), "memory.live_bytes"),
    (lambda record: record["memory"].update(live_bytes=10**400), "memory.live_bytes"),
    (lambda record: record["witnesses"][2].update(inputs=1.5), "witnesses.2.inputs"),
    (lambda record: record["witnesses"][2].update(equal="yes"), "witnesses.2.equal"),
    (lambda record: record["stages"][1].update(layers="all"), "stages.1.layers"),
    (lambda record: record["accuracy"].update(iou=1.5), "accuracy.iou"),
    (lambda record: record.update(format=2), "format"),
    (lambda record: record.update(macs=None), "macs"),
]


@pytest.mark.parametrize(("damage", "where"), DAMAGED)
def test_a_damaged_record_is_refused_by_its_key(tmp_path: Path, damage: Damage, where: str) -> None:
    path = written(tmp_path, small_certificate())
    record = json.loads(path.read_text())
    damage(record)
    path.write_text(json.dumps(record))

    with pytest.raises(DeployError) as raised:
        read_certificate(path)

    assert str(raised.value) == f"{path}: is no certificate of this version ({where}); export again"


@pytest.mark.parametrize(
    "witness",
    [
        Witness("C, here", 24),
        Witness("C, here", 24, SHA),
        Witness("C, here", 24, equal=True),
        Witness("C, here", 24, SHA, True, "not run: no compiler"),
        Witness("C, here", 24, equal=False, not_run="not run: no compiler"),
    ],
)
def test_a_row_with_half_a_result_is_refused(tmp_path: Path, witness: Witness) -> None:
    """It would be neither among those that gave other bytes nor among those that gave the same."""
    path = written(tmp_path, small_certificate(witnesses=(*small_certificate().witnesses[:1], witness)))

    with pytest.raises(DeployError, match=r"witnesses\.1 needs outputs, or why there are none; export again$"):
        read_certificate(path)


@pytest.mark.parametrize(("content", "error"), [("[]", DeployError), ("3", DeployError), ("{", RunError)])
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: str, error: type[Exception]) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(content)

    with pytest.raises(error) as raised:
        read_certificate(path)

    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_it_holds_until_one_byte_differs() -> None:
    certificate = small_certificate()

    assert certificate.holds
    assert [with_other_bytes(certificate, index).holds for index in range(6)] == [False] * 6
    assert [one.name for one in with_other_bytes(certificate, 3).broken] == [certificate.witnesses[3].name]


def test_the_witness_table_holds_every_computation() -> None:
    table = witness_table(with_other_bytes(small_certificate(), 3))

    assert table.title == "Certificate of nano_u"
    assert table.rows == (
        ("reference kernels (BUILTIN_REF)", "24", "equal", "0ab1c894337c", "-", "-", "-", "-"),
        ("TensorFlow Lite Micro", "24", "equal", "0ab1c894337c", "-", "-", "-", "-"),
        ("C, this machine, gcc 12.2.0 -O2", "24", "equal", "0ab1c894337c", "-", "-", "-", "-"),
        ("C from camera bytes, this machine, gcc 12.2.0 -O2", "20", "DIFFERENT", "c9b8c9b8c9b8", *"----"),
        (f"C, emulated cortex-m3, {LONG_COMPILER}", "2", "equal", "f7bdf7bdf7bd", "21,600", "21.60", "524", "4,276"),
        (f"C, emulated cortex-m7, {LONG_COMPILER}", "2", "equal", "f7bdf7bdf7bd", "6,950", "6.95", "500", "4,100"),
        ("C, emulated cortex-m33", "-", "not run", *"-----"),
    )
    note, not_run = table.notes
    assert not_run == "not run: qemu-system-arm is not installed"
    assert note.startswith("20 images and 4 random inputs, every byte compared.")


def test_ram_is_states_and_stack_and_flash_is_constants_and_code() -> None:
    assert (MEMORY.ram_bytes, MEMORY.flash_bytes) == (2_400 + 776 + 524, 22_751 + 4_276)
    assert memory_table(MEMORY).rows == (
        ("state of the network", "2,400"),
        ("state of the camera", "776"),
        ("worst stack", "524"),
        ("RAM in all", "3,700"),
        ("constants in flash", "22,751"),
        ("code in flash", "4,276"),
        ("for comparison: all live tensors at the peak", "12,288"),
        ("for comparison: arena that TensorFlow Lite Micro records on this machine", "14,800"),
    )


def test_what_was_not_measured_is_missing_and_not_zero() -> None:
    bare = dataclasses.replace(MEMORY, camera_bytes=0, stack_bytes=None, code_bytes=None, arena_bytes=None)

    assert (bare.ram_bytes, bare.flash_bytes) == (2_400, 22_751)
    assert dict(memory_table(bare).rows) == {
        "state of the network": "2,400",
        "worst stack": "-",
        "RAM without stack": "2,400",
        "constants in flash": "22,751",
        "code in flash": "-",
        "for comparison: all live tensors at the peak": "12,288",
        "for comparison: arena that TensorFlow Lite Micro records on this machine": "-",
    }


def test_stack_and_code_are_told_with_the_core_that_they_were_measured_on() -> None:
    memory = dataclasses.replace(MEMORY, stack_place="emulated cortex-m3", code_place="emulated cortex-m7")

    rows = dict(memory_table(memory).rows)
    assert rows["worst stack (emulated cortex-m3)"] == "524"
    assert rows["code in flash (emulated cortex-m7, without memcpy and memset)"] == "4,276"


def test_the_stage_table_adds_up() -> None:
    table = stage_table(small_certificate().stages)

    assert table.rows == (
        ("input", "input_image", "0", "-", "3", "576"),
        ("stage_encoder", "encoder_depthwise, encoder_pointwise", "900", "-", "3", "1,536"),
        ("stage_logits", "logits", "100", "-", "1", "64"),
        ("all", "", "1,000", "-", "", "2,176"),
    )
    assert table.totals == 1


def test_instructions_of_stages_add_up_only_where_all_are_known() -> None:
    stages = [dataclasses.replace(stage, instructions=1_000) for stage in small_certificate().stages]

    assert stage_table(stages).rows[-1][3] == "3,000"
    assert stage_table([*stages[:2], dataclasses.replace(stages[2], instructions=None)]).rows[-1][3] == "-"
