"""The C of a run on its page: whether its bytes are proven, what it takes on a chip, and beside what."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.reporting.certificate import (
    Certificate,
    CertifiedMemory,
    DeviceAccuracy,
    Verdict,
    Witness,
    certificate_verdict,
    memory_table,
    stage_table,
    witness_table,
)
from nano_u.reporting.certificate_figure import draw_certificate
from nano_u.reporting.html.page_parts import Drawer, Picture, Tile
from nano_u.reporting.table import MISSING, Table, count, ratio


@dataclass(frozen=True)
class ChipSection:
    """Everything in the section, in order."""

    verdict: Verdict
    tiles: tuple[Tile, ...]
    memory: Picture
    tables: tuple[Table, ...]
    stages: Table | None


def chip_section(certificate: Certificate, draw: Drawer, *, tflite_bytes: int | None = None) -> ChipSection:
    """The section of a certificate; flash is told beside the `.tflite` file where its size is known."""
    memory = certificate.memory
    caption = f"Bytes that the C keeps, {memory.ram_bytes:,} in all, beside {_interpreter(memory)}."
    return ChipSection(
        verdict=certificate_verdict(certificate),
        tiles=chip_tiles(certificate, tflite_bytes=tflite_bytes),
        memory=draw(draw_certificate(certificate), caption),
        tables=(witness_table(certificate), memory_table(memory)),
        stages=stage_table(certificate.stages) if certificate.stages else None,
    )


def chip_tiles(certificate: Certificate, *, tflite_bytes: int | None = None) -> tuple[Tile, ...]:
    """RAM, flash, accuracy and work, each with what it is to be read against; what was not measured has no tile."""
    tiles = [_ram_tile(certificate.memory), _flash_tile(certificate.memory, tflite_bytes)]
    if certificate.accuracy is not None:
        tiles.append(_accuracy_tile(certificate.accuracy))
    emulated = [one for one in certificate.witnesses if one.instructions is not None]
    if emulated:
        tiles.append(_work_tile(emulated, certificate.macs))
    return tuple(tiles)


def _ram_tile(memory: CertifiedMemory) -> Tile:
    stack = f"{memory.ram_lacks.strip()}, which was not measured" if memory.ram_lacks else "with the worst stack"
    other = memory.live_bytes if memory.arena_bytes is None else memory.arena_bytes
    share = f"{memory.ram_bytes / other:.0%} of the " if other else ""
    return Tile("RAM of the C", f"{memory.ram_bytes:,} B", f"{share}{_interpreter(memory)}; {stack}")


def _interpreter(memory: CertifiedMemory) -> str:
    if memory.arena_bytes is None:
        return f"{memory.live_bytes:,} B of tensors alive at the peak"
    return f"{memory.arena_bytes:,} B of TensorFlow Lite Micro's arena"


def _flash_tile(memory: CertifiedMemory, tflite_bytes: int | None) -> Tile:
    code = "code not measured" if memory.flash_lacks else f"{count(memory.code_bytes or 0)} of code"
    file = "" if tflite_bytes is None else f"; {count(tflite_bytes)} B in the .tflite file, without an interpreter"
    return Tile(
        "flash of the C", f"{memory.flash_bytes:,} B", f"{count(memory.constant_bytes)} of constants, {code}{file}"
    )


def _accuracy_tile(accuracy: DeviceAccuracy) -> Tile:
    floor = "" if accuracy.floor is None else f"; no-learning floor {ratio(accuracy.floor)}"
    images = f"{count(accuracy.images)} images from the camera's bytes on"
    return Tile(f"IoU on the device, {accuracy.split}", ratio(accuracy.iou), f"{images}{floor}")


def _work_tile(emulated: list[Witness], macs: int) -> Tile:
    """Of the build that needs fewest; the table has all of them."""
    fewest = min(emulated, key=lambda one: one.instructions or 0)
    instructions = fewest.instructions or 0
    per_mac = f"{instructions / macs:.2f}" if macs else MISSING
    among = f", fewest of {len(emulated)} builds" if len(emulated) > 1 else ""
    note = f"{per_mac} per multiply-accumulate; {fewest.place}{among}; not cycles"
    value = f"{instructions / 1e6:,.2f} M" if instructions >= 1e6 else count(instructions)
    return Tile("instructions per frame", value, note)
