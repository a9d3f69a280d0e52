from __future__ import annotations

import dataclasses

import pytest
from tests.reporting.html.small_certificate import MEMORY, small_certificate, with_other_bytes

from nano_u.reporting.certificate import Certificate, DeviceAccuracy, Verdict, Witness, certificate_verdict
from nano_u.reporting.html.chip_section import chip_section, chip_tiles
from nano_u.reporting.html.page_parts import Drawer, Tile

COMPLETE = small_certificate()
NO_COMPILER = "not run: no C compiler is installed"


def without_c() -> Certificate:
    """Only what the C must equal was run."""
    rows = (
        dataclasses.replace(one, sha256=None, equal=None, not_run=NO_COMPILER) if one.of_c else one
        for one in COMPLETE.witnesses[:3]
    )
    return small_certificate(witnesses=tuple(rows))


@pytest.mark.parametrize(
    ("certificate", "verdict"),
    [
        (
            COMPLETE,
            Verdict(
                True,
                "Proven: 6 computations, 4 of them by the C, gave the same bytes on up to 20 images and 4 random "
                "inputs; 1 could not be run.",
            ),
        ),
        (
            small_certificate(witnesses=COMPLETE.witnesses[:3], real_inputs=0, random_inputs=1_024),
            Verdict(
                True,
                "Proven: 3 computations, 1 of them by the C, gave the same bytes on up to 0 images and 1,024 random "
                "inputs.",
            ),
        ),
        (
            with_other_bytes(with_other_bytes(COMPLETE, 1), 4),
            Verdict(
                False,
                "Not safe to deploy: 2 of 6 computations gave other bytes than the reference kernels.",
                ("TensorFlow Lite Micro", COMPLETE.witnesses[4].name),
            ),
        ),
        (
            without_c(),
            Verdict(False, "Not proven: the C was not run.", (f"C, this machine, gcc 12.2.0 -O2: {NO_COMPILER}",)),
        ),
        (small_certificate(witnesses=()), Verdict(False, "Not proven: the C was not run.")),
    ],
)
def test_the_verdict_is_what_the_computations_say(certificate: Certificate, verdict: Verdict) -> None:
    assert certificate_verdict(certificate) == verdict


def test_every_number_stands_beside_what_it_is_compared_with() -> None:
    assert chip_tiles(COMPLETE, tflite_bytes=44_832) == (
        Tile("RAM of the C", "3,700 B", "25% of the 14,800 B of TensorFlow Lite Micro's arena; with the worst stack"),
        Tile(
            "flash of the C",
            "27,027 B",
            "22,751 of constants, 4,276 of code; 44,832 B in the .tflite file, without an interpreter",
        ),
        Tile("IoU on the device, test", "0.815", "233 images from the camera's bytes on; no-learning floor 0.689"),
        Tile(
            "instructions per frame",
            "6,950",
            "6.95 per multiply-accumulate; emulated cortex-m7, fewest of 2 builds; not cycles",
        ),
    )


def test_what_was_not_measured_is_told_and_has_no_tile() -> None:
    bare = dataclasses.replace(MEMORY, stack_bytes=None, code_bytes=None, arena_bytes=None)
    certificate = small_certificate(memory=bare, accuracy=None, witnesses=COMPLETE.witnesses[:3])

    assert chip_tiles(certificate) == (
        Tile(
            "RAM of the C",
            "3,176 B",
            "26% of the 12,288 B of tensors alive at the peak; without stack, which was not measured",
        ),
        Tile("flash of the C", "22,751 B", "22,751 of constants, code not measured"),
    )


def test_an_undefined_iou_and_floor_are_no_numbers() -> None:
    certificate = small_certificate(accuracy=DeviceAccuracy("val", 1_000, 0.5, None, None))

    assert chip_tiles(certificate)[2] == Tile("IoU on the device, val", "-", "1,000 images from the camera's bytes on")


def test_a_single_build_is_not_chosen_among_others_and_no_work_has_no_rate() -> None:
    one = Witness("C, emulated cortex-m7, gcc -O2", 2, "f7", True, None, 77_000_000, place="emulated cortex-m7")

    assert chip_tiles(small_certificate(witnesses=(one,)))[-1].note == (
        "77000.00 per multiply-accumulate; emulated cortex-m7; not cycles"
    )
    assert chip_tiles(small_certificate(witnesses=(one,), macs=0))[-1] == Tile(
        "instructions per frame", "77.00 M", "- per multiply-accumulate; emulated cortex-m7; not cycles"
    )


def test_the_section_has_every_table_and_its_picture() -> None:
    section = chip_section(COMPLETE, Drawer())

    assert [table.title for table in section.tables] == ["Certificate of nano_u", "Memory on the chip"]
    assert section.stages is not None
    assert section.stages.title == "Stages of the C"
    assert section.memory.caption == (
        "Bytes that the C keeps, 3,700 in all, beside 14,800 B of TensorFlow Lite Micro's arena."
    )
    assert "25% of the arena" in section.memory.svg


def test_a_certificate_without_stages_has_no_table_of_them() -> None:
    assert chip_section(small_certificate(stages=()), Drawer()).stages is None
