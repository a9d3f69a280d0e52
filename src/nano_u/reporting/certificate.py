"""The certificate of a C bundle: who computed the same bytes, on which inputs, and what that takes on a chip."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from nano_u.errors import DeployError
from nano_u.reporting.table import MISSING, Column, Table, count
from nano_u.runs import read_json

FORMAT = 1
MODEL_FILE = "model.tflite"
SHOWN_DIGITS = 12
"""Of a SHA-256 in tables; `certificate.json` has all of them."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""Bytes, instructions, inputs: what a damaged file cannot make negative or larger than a float tells exactly."""

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Witness:
    """One computation of the outputs: by what, of how many inputs, their SHA-256, whether every byte is as expected.

    `not_run` says why there is none ("not run: ..."). `of_c`: the C was run, and not what it must equal, in this
    `place`. On an emulated core also the instructions of the longest frame, the painted stack and the bytes of code and
    constants.
    """

    name: str
    inputs: Count = 0
    sha256: str | None = None
    equal: bool | None = None
    not_run: str | None = None
    instructions: Count | None = None
    stack_bytes: Count | None = None
    code_bytes: Count | None = None
    constant_bytes: Count | None = None
    of_c: bool = False
    place: str | None = None


@dataclass(frozen=True)
class CertifiedMemory:
    """Bytes: what the C takes, beside what an interpreter would.

    `state_bytes` are all that changes between calls, `camera_bytes` those of the camera's preprocessing with the row
    that it makes, `constant_bytes` the tables in flash. `stack_bytes` is the deepest over all emulated cores,
    `code_bytes` the largest, without the library functions that the C calls; None where no core was emulated.
    `stack_place` and `code_place` say on which. `arena_bytes` is what TensorFlow Lite Micro records; None without it.
    """

    state_bytes: Count
    camera_bytes: Count
    constant_bytes: Count
    stack_bytes: Count | None
    code_bytes: Count | None
    live_bytes: Count
    arena_bytes: Count | None
    stack_place: str | None = None
    code_place: str | None = None

    @property
    def stack_on(self) -> str:
        """` (emulated cortex-m7)`, to be said behind the stack; nothing where it is not known."""
        return "" if self.stack_place is None else f" ({self.stack_place})"

    @property
    def code_on(self) -> str:
        """` (emulated cortex-m7, without memcpy and memset)`, to be said behind the code; nothing where not known."""
        return "" if self.code_place is None else f" ({self.code_place}, without memcpy and memset)"

    @property
    def ram_lacks(self) -> str:
        """` without stack` where it was not measured, to be said behind the RAM; else nothing."""
        return "" if self.stack_bytes is not None else " without stack"

    @property
    def flash_lacks(self) -> str:
        """` without code` where it was not measured, to be said behind the flash; else nothing."""
        return "" if self.code_bytes is not None else " without code"

    @property
    def ram_bytes(self) -> int:
        """State of network and camera, and the stack where it was measured."""
        return self.state_bytes + self.camera_bytes + (self.stack_bytes or 0)

    @property
    def flash_bytes(self) -> int:
        """Constants, and the code where it was measured."""
        return self.constant_bytes + (self.code_bytes or 0)


@dataclass(frozen=True)
class StageRow:
    """One stage of the streaming computation: its layers, and the bytes of the rows that are kept for it."""

    name: str
    layers: tuple[str, ...]
    macs: Count
    buffer_bytes: Count
    rows: Count
    instructions: Count | None = None


@dataclass(frozen=True)
class DeviceAccuracy:
    """IoU of the class on a split, from the camera's bytes on, beside the no-learning floor; None where undefined."""

    split: str
    images: Count
    threshold: Share
    iou: Share | None
    floor: Share | None

    @property
    def text(self) -> str:
        """`0.812 (no-learning floor 0.689), 233 images`."""
        floor = "" if self.floor is None else f" (no-learning floor {self.floor:.3f})"
        return f"{'undefined' if self.iou is None else f'{self.iou:.3f}'}{floor}, {self.images} images"


@dataclass(frozen=True)
class Certificate:
    """What is in `certificate.json`.

    `files_sha256` are the bundle's files that the proof is about, by their paths in it, `other_sha256` those that their
    owner may change, as this export writes them. `expected_sha256` are the outputs of the reference kernels on all
    inputs.
    """

    model: str
    c_name: str
    files_sha256: dict[str, str]
    real_inputs: Count
    random_inputs: Count
    expected_sha256: str
    camera: str | None
    macs: Count
    witnesses: tuple[Witness, ...]
    memory: CertifiedMemory
    accuracy: DeviceAccuracy | None = None
    stages: tuple[StageRow, ...] = ()
    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)] = FORMAT
    environment: dict[str, str] = field(default_factory=dict)
    other_sha256: dict[str, str] = field(default_factory=dict)

    @property
    def tflite_sha256(self) -> str | None:
        """Of the model that the C was made of."""
        return self.files_sha256.get(MODEL_FILE)

    @property
    def holds(self) -> bool:
        """Whether everything that ran gave the expected bytes."""
        return not self.broken

    @property
    def broken(self) -> tuple[Witness, ...]:
        """Those that gave other bytes."""
        return tuple(one for one in self.witnesses if one.equal is False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Verdict:
    """Whether every byte was the expected one, in a sentence; `details` names what speaks against it."""

    holds: bool
    text: str
    details: tuple[str, ...] = ()


def certificate_verdict(certificate: Certificate) -> Verdict:
    """Proven where the C was run and nothing gave other bytes than the reference kernels."""
    ran = [one for one in certificate.witnesses if one.not_run is None]
    left_out = [one for one in certificate.witnesses if one.not_run is not None]
    runs = sum(one.of_c for one in ran)
    if not certificate.holds:
        names = tuple(one.name for one in certificate.broken)
        text = (
            f"Not safe to deploy: {len(names)} of {len(ran)} computations gave other bytes than the reference kernels."
        )
        return Verdict(False, text, names)
    if not runs:
        reasons = tuple(f"{one.name}: {one.not_run}" for one in left_out if one.of_c)
        return Verdict(False, "Not proven: the C was not run.", reasons)
    inputs = f"{count(certificate.real_inputs)} images and {count(certificate.random_inputs)} random inputs"
    text = f"Proven: {len(ran)} computations, {runs} of them by the C, gave the same bytes on up to {inputs}"
    return Verdict(True, f"{text}; {len(left_out)} could not be run." if left_out else f"{text}.")


_CERTIFICATE = TypeAdapter(Certificate)


def read_certificate(path: Path) -> Certificate:
    """A `certificate.json`; DeployError where it is damaged or of another version."""
    record = read_json(path)
    try:
        found = _CERTIFICATE.validate_json(json.dumps(record), strict=True)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "no object"
        raise DeployError(f"{path}: is no certificate of this version ({where}); export again") from error
    for index, one in enumerate(found.witnesses):
        if {one.sha256 is None, one.equal is None, one.not_run is not None} != {one.not_run is not None}:
            raise DeployError(f"{path}: witnesses.{index} needs outputs, or why there are none; export again")
    return found


def witness_table(certificate: Certificate) -> Table:
    """Who computed what; costs are those of emulated cores."""
    columns = (
        Column("computed by", align="left"),
        Column("inputs"),
        Column("outputs", align="left"),
        Column("SHA-256", align="left", optional=True),
        Column("instructions", optional=True),
        Column("per MAC", optional=True),
        Column("stack, bytes", "stack", optional=True),
        Column("code, bytes", "code", optional=True),
    )
    rows = tuple(_witness_row(one, certificate.macs) for one in certificate.witnesses)
    inputs = f"{certificate.real_inputs} images and {certificate.random_inputs} random inputs"
    left_out = dict.fromkeys(one.not_run for one in certificate.witnesses if one.not_run is not None)
    notes = (f"{inputs}, every byte compared. Instructions of the longest frame, not cycles.", *left_out)
    return Table(f"Certificate of {certificate.model}", columns, rows, notes=notes)


def memory_table(memory: CertifiedMemory) -> Table:
    """RAM and flash of the C, beside an interpreter's RAM."""
    rows = [
        ("state of the network", count(memory.state_bytes)),
        *([("state of the camera", count(memory.camera_bytes))] if memory.camera_bytes else []),
        (f"worst stack{memory.stack_on}", MISSING if memory.stack_bytes is None else count(memory.stack_bytes)),
        (f"RAM{memory.ram_lacks or ' in all'}", count(memory.ram_bytes)),
        ("constants in flash", count(memory.constant_bytes)),
        (f"code in flash{memory.code_on}", MISSING if memory.code_bytes is None else count(memory.code_bytes)),
        ("for comparison: all live tensors at the peak", count(memory.live_bytes)),
        (
            "for comparison: arena that TensorFlow Lite Micro records on this machine",
            MISSING if memory.arena_bytes is None else count(memory.arena_bytes),
        ),
    ]
    return Table("Memory on the chip", (Column("what", align="left"), Column("bytes")), tuple(rows))


def stage_table(stages: Sequence[StageRow]) -> Table:
    """Stage by stage: layers, work and the rows that are kept."""
    columns = (
        Column("stage", align="left"),
        Column("layers", align="left"),
        Column("MACs"),
        Column("instructions", optional=True),
        Column("rows kept"),
        Column("bytes kept"),
    )
    rows = tuple(
        (
            stage.name,
            ", ".join(stage.layers),
            count(stage.macs),
            MISSING if stage.instructions is None else count(stage.instructions),
            count(stage.rows),
            count(stage.buffer_bytes),
        )
        for stage in stages
    )
    total = (
        "all",
        "",
        count(sum(stage.macs for stage in stages)),
        _total([stage.instructions for stage in stages]),
        "",
        count(sum(stage.buffer_bytes for stage in stages)),
    )
    return Table("Stages of the C", columns, (*rows, total), 1)


def _witness_row(witness: Witness, macs: int) -> tuple[str, ...]:
    verdict = "not run" if witness.not_run else "equal" if witness.equal else "DIFFERENT"
    instructions = witness.instructions
    return (
        witness.name,
        count(witness.inputs) if witness.inputs else MISSING,
        verdict,
        MISSING if witness.sha256 is None else witness.sha256[:SHOWN_DIGITS],
        MISSING if instructions is None else count(instructions),
        MISSING if instructions is None or not macs else f"{instructions / macs:.2f}",
        MISSING if witness.stack_bytes is None else count(witness.stack_bytes),
        MISSING if witness.code_bytes is None else count(witness.code_bytes),
    )


def _total(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return count(sum(known)) if known and len(known) == len(values) else MISSING
