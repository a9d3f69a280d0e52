"""A certificate of made-up numbers, with any names: three stages, six computations, one that could not be run."""

from __future__ import annotations

import dataclasses
from typing import Any

from nano_u.reporting.certificate import Certificate, CertifiedMemory, DeviceAccuracy, StageRow, Witness

SHA = "0ab1c894337c5035311628c0d48a23d8904ff3194a056d1047d886407f185d53"
TFLITE_SHA = "ea6f" * 16
MEMORY = CertifiedMemory(
    state_bytes=2_400,
    camera_bytes=776,
    constant_bytes=22_751,
    stack_bytes=524,
    code_bytes=4_276,
    live_bytes=12_288,
    arena_bytes=14_800,
)
LONG_COMPILER = "arm-none-eabi-gcc (15:12.2.rel1-1, a vendor's own build of the compiler, 2022.11-build7) 12.2.1 -O2"


def small_certificate(*, layer: str = "", model: str = "nano_u", **changed: Any) -> Certificate:
    """`layer` is put before the name of every stage and layer."""
    stages = (
        StageRow(f"{layer}input", (f"{layer}input_image",), 0, 576, 3),
        StageRow(f"stage_{layer}encoder", (f"{layer}encoder_depthwise", f"{layer}encoder_pointwise"), 900, 1_536, 3),
        StageRow(f"stage_{layer}logits", (f"{layer}logits",), 100, 64, 1),
    )
    witnesses = (
        Witness("reference kernels (BUILTIN_REF)", 24, SHA, True),
        Witness("TensorFlow Lite Micro", 24, SHA, True),
        Witness("C, this machine, gcc 12.2.0 -O2", 24, SHA, True, of_c=True, place="this machine"),
        Witness(
            "C from camera bytes, this machine, gcc 12.2.0 -O2", 20, "c9b8" * 16, True, of_c=True, place="this machine"
        ),
        _emulated("emulated cortex-m3", 21_600, 524, 4_276, 22_751),
        _emulated("emulated cortex-m7", 6_950, 500, 4_100, 22_751),
        Witness("C, emulated cortex-m33", not_run="not run: qemu-system-arm is not installed", of_c=True),
    )
    certificate = Certificate(
        model=model,
        c_name="nano_u",
        files_sha256={"src/nano_u.c": "bfaf" * 16, "model.tflite": TFLITE_SHA},
        real_inputs=20,
        random_inputs=4,
        expected_sha256=SHA,
        camera="rgb888, 160x120",
        macs=1_000,
        witnesses=witnesses,
        memory=MEMORY,
        accuracy=DeviceAccuracy("test", 233, 0.5, 0.8148, 0.6894),
        stages=stages,
    )
    return dataclasses.replace(certificate, **changed)


def _emulated(place: str, instructions: int, stack: int, code: int, constants: int) -> Witness:
    costs = (instructions, stack, code, constants)
    return Witness(f"C, {place}, {LONG_COMPILER}", 2, "f7bd" * 16, True, None, *costs, True, place)


def with_other_bytes(certificate: Certificate, index: int) -> Certificate:
    """The certificate with one computation that gave other bytes."""
    witnesses = list(certificate.witnesses)
    witnesses[index] = dataclasses.replace(witnesses[index], equal=False)
    return dataclasses.replace(certificate, witnesses=tuple(witnesses))
