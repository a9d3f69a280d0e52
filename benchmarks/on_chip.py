"""What the streaming C takes on a chip, against TensorFlow Lite Micro: RAM, flash, stack and instructions.

    python benchmarks/on_chip.py [--networks default published skips] [--levels O2 O3] [--frames 2]

Each network has fresh weights and int8 ranges calibrated on synthetic terrain: memory and instructions do not depend on
what it learnt. Its C is compiled for a Cortex-M7 with and without packed multiply-accumulate (SMLAD) and run on an
emulated board; every byte is compared with the reference kernels. Instructions are counted, not cycles. TensorFlow Lite
Micro's arena is recorded in this run; its instructions are those that were measured once on the same emulated core and
two networks of these shapes. Exits 1 when a target is missed; without compiler or emulator it says so.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from camvid_accuracy import VARIANTS
from intervals import machine
from nano_u.codegen import CSources, generate_c, multiply_accumulates, plan_streaming
from nano_u.config import load_experiment
from nano_u.data import as_floats
from nano_u.data.synthetic import synthetic_terrain
from nano_u.deploy import MicroModel, ReferenceModel, convert_int8, micro_available
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.summary import summarise_tflite
from nano_u.graph import summarise
from nano_u.models import architecture_of, create_model_from_config
from nano_u.toolchain import EmulatedRun, core_named, emulate, unavailable

CORE = "cortex-m7"
CALIBRATION_IMAGES = 64
KB = 1024


@dataclass(frozen=True)
class Case:
    """A network, its targets, and what TensorFlow Lite Micro was measured to need: instructions per MAC with its
    reference kernels and with CMSIS-NN (None where it was not measured)."""

    overrides: tuple[str, ...]
    ram_kb: int
    plain: float | None
    packed: float | None
    micro_reference: float | None = None
    micro_cmsis: float | None = None


CASES = {
    "published": Case(VARIANTS["published"], 16, 12.0, 9.0, 38.6, 9.0),
    "default": Case((), 36, 8.0, 4.75, 21.6, 4.75),
    "skips": Case(("model.skips=true",), 66, None, None),
}
"""Targets: KB of RAM with the stack, instructions per MAC in plain C and with SMLAD."""


@dataclass(frozen=True)
class Built:
    """A network's C, its inputs and the outputs of the reference kernels, and what an interpreter needs."""

    sources: CSources
    macs: int
    state_bytes: int
    images: np.ndarray
    expected: np.ndarray
    estimate: int
    live_bytes: int
    arena_bytes: int | None


def built(case: Case, frames: int) -> Built:
    """From a fresh network to its C."""
    keras.utils.set_random_seed(0)
    config = load_experiment(None, overrides=list(case.overrides))
    network = create_model_from_config(config.model.model_dump(), config.model_name)
    height, width, _ = network.input_shape[1:]
    images = as_floats(synthetic_terrain(CALIBRATION_IMAGES, (height, width)).images)
    network(images[:1])
    tflite = convert_int8(network, images)
    reference = ReferenceModel(tflite)
    inputs = reference.quantise(images[:frames])
    plan = plan_streaming(quantized_graph_of(tflite))
    return Built(
        generate_c(plan, "network"),
        multiply_accumulates(plan),
        plan.memory.state_bytes,
        inputs,
        reference.predict_int8(inputs),
        summarise(architecture_of(network)).instructions_estimate,
        summarise_tflite(tflite).peak_activation_bytes,
        MicroModel(tflite).arena_bytes if micro_available() else None,
    )


def measure(network: Built, level: str, *, packed: bool) -> EmulatedRun:
    """One build on the emulated core; SystemExit where a byte differs."""
    flags = (level,) if packed else (level, "-DNETWORK_PORTABLE")
    run = emulate(network.sources, core_named(CORE), network.images, flags)
    if not np.array_equal(run.outputs, network.expected):
        raise SystemExit(f"on_chip: {CORE} {' '.join(flags)} gives other bytes than the reference kernels")
    return run


def verdict(value: float, target: float | None) -> tuple[str, bool]:
    """The value beside its target, and whether it is missed."""
    if target is None:
        return "no target", False
    return f"target {target:g}: {'met' if value <= target else 'MISSED'}", value > target


def report(name: str, case: Case, network: Built, levels: list[str]) -> int:
    """Tables of one network; returns the number of missed targets."""
    print(f"\n{name}: {network.macs:,} MACs, {len(network.images)} frames, 0 differing bytes in every row\n")
    print(
        "| build | instructions | per MAC | worst stack | code, bytes | constants, bytes |\n|---|---|---|---|---|---|"
    )
    best: dict[bool, float] = {}
    stack = 0
    for packed in (False, True):
        for level in levels:
            run = measure(network, level, packed=packed)
            per_mac = run.instructions_per_frame / network.macs
            best[packed] = min(best.get(packed, per_mac), per_mac)
            stack = max(stack, run.stack_bytes)
            label = f"{'SMLAD' if packed else 'plain C'} {level}"
            print(
                f"| {label} | {run.instructions_per_frame:,} | {per_mac:.2f} | {run.stack_bytes:,} | "
                f"{run.code_bytes:,} | {run.constant_bytes:,} |"
            )
    share = network.estimate / network.macs
    print(f"| `nano-u estimate`, of a trained one, SMLAD -O2 | {network.estimate:,} | {share:.2f} | | | |")
    for what, value in (("reference kernels", case.micro_reference), ("CMSIS-NN", case.micro_cmsis)):
        if value is not None:
            print(f"| TensorFlow Lite Micro, {what}, measured once | {value * network.macs:,.0f} | {value} | | | |")
    ram = network.state_bytes + stack
    arena = "not recorded" if network.arena_bytes is None else f"{network.arena_bytes:,}"
    share = "" if network.arena_bytes is None else f", {ram / network.arena_bytes:.1%} of it"
    print(
        f"\nRAM {ram:,} bytes (state {network.state_bytes:,}, stack {stack:,}); TensorFlow Lite Micro's arena: {arena}"
    )
    print(f"bytes{share}; live tensors at the peak: {network.live_bytes:,} bytes")
    missed = 0
    for what, value, target in (
        ("RAM, KB", ram / KB, case.ram_kb),
        ("instructions per MAC, plain C", best[False], case.plain),
        ("instructions per MAC, SMLAD", best[True], case.packed),
    ):
        text, failed = verdict(value, target)
        missed += failed
        print(f"{what}: {value:.2f}, {text}")
    return missed


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--levels", nargs="+", default=["O2", "O3"], help="of optimisation, without the dash")
    parser.add_argument("--frames", type=int, default=2)
    arguments = parser.parse_args()
    reason = unavailable(core_named(CORE))
    if reason is not None:
        print(f"skipped: {reason}")
        return 0
    print(machine())
    levels = [f"-{level.lstrip('-')}" for level in arguments.levels]
    missed = sum(report(name, CASES[name], built(CASES[name], arguments.frames), levels) for name in arguments.networks)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
