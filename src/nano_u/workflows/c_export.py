"""From an int8 model to a bundle of C files whose bytes are proven, and the proof again."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from nano_u.codegen import StreamingPlan, generate_c, plan_streaming
from nano_u.codegen.bundle_files import BundleFacts, bundle_files
from nano_u.codegen.camera_c import CameraSources, generate_camera_c
from nano_u.data import ImageSet
from nano_u.data.camera_pixels import PixelName
from nano_u.deploy.micro import MicroModel, micro_available
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.summary import summarise_tflite
from nano_u.errors import BudgetError, ConfigError, DataError, DeployError
from nano_u.evaluation import DEFAULT_THRESHOLD, evaluate
from nano_u.graph.chips import Chip
from nano_u.quantization import QuantizedGraph, QuantizedOp
from nano_u.reporting import save_figure
from nano_u.reporting.certificate import (
    Certificate,
    CertifiedMemory,
    DeviceAccuracy,
    StageRow,
    Witness,
    memory_table,
    read_certificate,
    stage_table,
    witness_table,
)
from nano_u.reporting.certificate_figure import draw_certificate
from nano_u.runs import atomic_path, write_json, write_text_atomic
from nano_u.runs.strict_npz import unpack_npz
from nano_u.toolchain import available, behind_camera, sha256_of
from nano_u.workflows.device_inputs import DeviceInputs, device_inputs, noise_alone
from nano_u.workflows.evaluate import through_camera
from nano_u.workflows.export import Export
from nano_u.workflows.prediction import load_predictor
from nano_u.workflows.source import ModelSource, find_model, floor_of, split_of
from nano_u.workflows.witnesses import Progress, Subject, expected_outputs, stage_instructions, witnesses

logger = logging.getLogger(__name__)

CERTIFICATE, INPUTS, MODEL = "certificate.json", "inputs.npz", "model.tflite"
MOST_INPUT_BYTES = 2**30

REAL_INPUTS, RANDOM_INPUTS = 20, 4
REAL_INPUTS_FULL, RANDOM_INPUTS_FULL = 80, 20


@dataclass(frozen=True)
class ProofOptions:
    """What a bundle is proven on and must fit: images of `data` (the run's own) as a camera sends them in `pixels`.

    `full` tries all compilers, optimisations, sanitizers and emulated cores, on more inputs.
    """

    pixels: PixelName = "rgb888"
    chip: Chip | None = None
    full: bool = False
    split: str | None = None
    data: str | None = None
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class CBundle:
    """The folder of a bundle and its certificate; `no_camera` says why it begins at the network's input."""

    folder: Path
    certificate: Certificate
    no_camera: str | None = None
    chip: Chip | None = None

    def raise_unfit(self) -> None:
        """DeployError where bytes differ, BudgetError where the chip has too little; the files are there."""
        raise_broken(self.folder, self.certificate)
        if self.chip is not None:
            _raise_over(self.folder, self.certificate.memory, self.chip)


@dataclass(frozen=True)
class _Files:
    """C sources as `nano_u.toolchain` takes them."""

    name: str
    header: str
    source: str


def export_c(
    tflite: bytes,
    folder: Path,
    inputs: DeviceInputs,
    *,
    name: str,
    threshold: int | None = None,
    chip: Chip | None = None,
    accuracy: DeviceAccuracy | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> CBundle:
    """Write the bundle of an int8 model into `folder`, and prove it on `inputs`.

    `name` begins all names in the C. `threshold` is the int8 value from which a pixel is foreground; `accuracy` goes
    into the certificate. A proof that fails is written too, and told by `CBundle.raise_unfit`.

    Raises DeployError, naming the layer, for a network that cannot be streamed, and where the C does not compile.
    """
    graph = quantized_graph_of(tflite)
    plan = plan_streaming(graph)
    sources = generate_c(plan, name)
    camera = None
    if inputs.camera is not None:
        source = graph.by_name[graph.input]
        made = generate_camera_c(inputs.camera, source.shape, source.scale, source.zero_point, sources.name)
        camera = (inputs.camera, made)
    texts = {f"src/{sources.name}.h": sources.header, f"src/{sources.name}.c": sources.source}
    if camera is not None:
        texts |= {f"src/{sources.name}_camera.h": camera[1].header, f"src/{sources.name}_camera.c": camera[1].source}
    subject = _subject(tflite, _Files(sources.name, sources.header, sources.source), camera and camera[1], inputs)
    expected = expected_outputs(subject)
    found = witnesses(subject, expected, full=full, progress=progress)
    macs = sum(_macs(graph, op) for op in graph.ops)
    memory = _memory(tflite, plan.memory.state_bytes, plan.memory.constant_bytes, camera and camera[1], found)
    certificate = Certificate(
        model=name,
        c_name=sources.name,
        tflite_sha256=hashlib.sha256(tflite).hexdigest(),
        sources_sha256={path: _sha256(text) for path, text in texts.items()},
        real_inputs=inputs.real,
        random_inputs=len(inputs.images) - inputs.real,
        inputs_sha256=sha256_of(inputs.images),
        expected_sha256=sha256_of(expected),
        camera=None if inputs.camera is None else _camera_text(inputs),
        macs=macs,
        witnesses=found,
        memory=memory,
        accuracy=accuracy,
        stages=_stages(plan, stage_instructions(subject)),
        environment={
            "machine": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            **{compiler.name: compiler.version for compiler in available()},
        },
    )
    facts = BundleFacts(macs, memory.state_bytes, threshold, tuple(_memory_rows(memory)))
    texts |= bundle_files(graph, sources.name, facts, camera, (inputs.images[0], expected[0]))
    _write(folder, texts, tflite, inputs, certificate)
    return CBundle(folder, certificate, inputs.no_camera, chip)


def bundle_model(
    model: Path,
    tflite: Path,
    folder: Path,
    options: ProofOptions,
    *,
    name: str,
    threshold: int | None = None,
    probability_threshold: float = DEFAULT_THRESHOLD,
    progress: Progress | None = None,
) -> CBundle:
    """`export_c` of the int8 file `tflite` of `model`, proven on images of its data as the device's camera sends them.

    Without data (a `.tflite` outside of a run) it is proven on noise alone. `threshold` is the int8 value that stands
    for `probability_threshold`. Raises as `export_c`, and DataError or ConfigError where data is named and cannot be
    read.
    """
    source = find_model(model, data=options.data, overrides=options.overrides)
    content = tflite.read_bytes()
    graph = quantized_graph_of(content)
    target = graph.by_name[graph.input]
    real, more = (REAL_INPUTS_FULL, RANDOM_INPUTS_FULL) if options.full else (REAL_INPUTS, RANDOM_INPUTS)
    inputs, accuracy = noise_alone(target), None
    if source.config.data is None:
        more += real
    else:
        done = None if progress is None else partial(progress, "reading images")
        splits = source.load_data(target.shape, done)
        split = options.split or ("test" if len(splits.get("test", ())) else "val")
        inputs = device_inputs(target, source, split, split_of(splits, split).spread(real), options.pixels)
        accuracy = _accuracy(source, tflite, split, splits, options.pixels, probability_threshold)
    bundle = export_c(
        content,
        folder,
        inputs.with_noise(more),
        name=name,
        threshold=threshold,
        chip=options.chip,
        accuracy=accuracy,
        full=options.full,
        progress=progress,
    )
    if source.run is not None and tflite.resolve().parent == source.run.export_dir.resolve():
        write_json(source.run.certificate_path, bundle.certificate.to_dict())
    return bundle


def bundle_export(
    model: Path, export: Export, folder: Path, options: ProofOptions, *, progress: Progress | None = None
) -> CBundle:
    """`bundle_model` of what was just exported, with its threshold."""
    record = export.record
    return bundle_model(
        model,
        export.tflite,
        folder,
        options,
        name=record.model,
        threshold=record.int8_threshold,
        probability_threshold=record.probability_threshold,
        progress=progress,
    )


def verify_bundle(folder: Path, *, full: bool = False, progress: Progress | None = None) -> Certificate:
    """The certificate that the files of a bundle earn now, on the inputs that it was made with.

    Raises DeployError where a file is missing, or was changed since it was certified, or where a proof cannot be made.
    """
    before = read_certificate(_required(folder, CERTIFICATE))
    tflite = _required(folder, MODEL).read_bytes()
    if hashlib.sha256(tflite).hexdigest() != before.tflite_sha256:
        raise DeployError(f"{folder / MODEL}: was changed since it was certified; export again")
    texts = {path: _required(folder, path).read_text(encoding="utf-8") for path in before.sources_sha256}
    changed = [path for path, text in texts.items() if _sha256(text) != before.sources_sha256[path]]
    if changed:
        raise DeployError(f"{folder / changed[0]}: was changed since it was certified; export again")
    inputs = _read_inputs(_required(folder, INPUTS))
    if sha256_of(inputs.images) != before.inputs_sha256:
        raise DeployError(f"{folder / INPUTS}: are not the inputs of the certificate; export again")
    name = before.c_name
    sources = _Files(name, texts[f"src/{name}.h"], texts[f"src/{name}.c"])
    camera = None
    if f"src/{name}_camera.c" in texts:
        camera = _Files(f"{name}_camera", texts[f"src/{name}_camera.h"], texts[f"src/{name}_camera.c"])
    subject = _subject(tflite, sources, camera, inputs)
    expected = expected_outputs(subject)
    found = witnesses(subject, expected, full=full, progress=progress)
    if sha256_of(expected) != before.expected_sha256:
        found = (*found, Witness("the certificate's own outputs", len(expected), before.expected_sha256, False))
    return replace(before, witnesses=found)


def raise_broken(folder: Path, certificate: Certificate) -> None:
    """DeployError where something gave other bytes than the reference kernels."""
    if not certificate.holds:
        names = "; ".join(witness.name for witness in certificate.broken)
        raise DeployError(f"{folder}: other bytes than the reference kernels': {names}; it is not safe to deploy")


def tables(certificate: Certificate) -> str:
    """All tables of a certificate as text."""
    parts = [witness_table(certificate), memory_table(certificate.memory)]
    parts += [stage_table(certificate.stages)] if certificate.stages else []
    return "\n".join(part.to_text() for part in parts)


def _accuracy(
    source: ModelSource,
    tflite: Path,
    split: str,
    splits: dict[str, ImageSet],
    pixels: PixelName,
    threshold: float,
) -> DeviceAccuracy | None:
    """Of all images of the split; None where a camera of their size cannot feed the network."""
    try:
        seen = through_camera(source, split, splits[split], pixels)
    except (ConfigError, DataError) as error:
        logger.warning("no IoU on the device: %s", error)
        return None
    logits = load_predictor(tflite).of(seen)
    pooled = evaluate(logits, seen, floor_probabilities=floor_of(splits), threshold=threshold, resamples=1).pooled
    floor = None if pooled.floor is None else pooled.floor.iou
    return DeviceAccuracy(split, len(seen), threshold, pooled.metrics.iou, floor)


def _subject(tflite: bytes, sources: _Files, camera: CameraSources | _Files | None, inputs: DeviceInputs) -> Subject:
    behind = None if camera is None else behind_camera(sources, camera)
    return Subject(tflite, quantized_graph_of(tflite), sources, inputs.images, behind, inputs.frames)


def _memory(
    tflite: bytes, state_bytes: int, constant_bytes: int, camera: CameraSources | None, found: tuple[Witness, ...]
) -> CertifiedMemory:
    stacks = [one.stack_bytes for one in found if one.stack_bytes is not None]
    codes = [one.code_bytes for one in found if one.code_bytes is not None]
    constants = [one.constant_bytes for one in found if one.constant_bytes is not None]
    return CertifiedMemory(
        state_bytes=state_bytes,
        camera_bytes=0 if camera is None else camera.state_bytes,
        constant_bytes=max(constants, default=constant_bytes),
        stack_bytes=max(stacks, default=None),
        code_bytes=max(codes, default=None),
        live_bytes=summarise_tflite(tflite).peak_activation_bytes,
        arena_bytes=MicroModel(tflite).arena_bytes if micro_available() else None,
    )


def _stages(plan: StreamingPlan, instructions: Mapping[int, int]) -> tuple[StageRow, ...]:
    """What runs row by row, and what each leaves for those behind it."""
    buffers = {buffer.layer: buffer for buffer in plan.memory.buffers}
    source = buffers[plan.graph.input]
    rows = [StageRow("input", (plan.graph.input,), 0, source.bytes, source.rows, instructions.get(-1))]
    for number, (stage, code) in enumerate(zip(plan.layout.stages, plan.code, strict=True)):
        buffer = buffers[stage.output]
        layers, macs = tuple(op.output for op in stage.ops), sum(_macs(plan.graph, op) for op in stage.ops)
        rows.append(StageRow(code.name, layers, macs, buffer.bytes, buffer.rows, instructions.get(number)))
    return tuple(rows)


def _macs(graph: QuantizedGraph, op: QuantizedOp) -> int:
    height, width, _ = graph.by_name[op.output].shape
    return 0 if op.weights is None else height * width * op.weights.kernel.size


def _raise_over(folder: Path, memory: CertifiedMemory, chip: Chip) -> None:
    for what, needed, there in (
        ("RAM", memory.ram_bytes, chip.arena_bytes),
        ("flash", memory.flash_bytes, chip.flash_bytes),
    ):
        if needed > there:
            raise BudgetError(f"{folder}: needs {needed:,} bytes of {what}, the {chip.name} has {there:,}")


def _memory_rows(memory: CertifiedMemory) -> list[tuple[str, str]]:
    stack = "" if memory.stack_bytes is None else f", of these {memory.stack_bytes:,} stack"
    code = "" if memory.code_bytes is None else f", of these {memory.code_bytes:,} code"
    return [("RAM", f"{memory.ram_bytes:,} bytes{stack}"), ("flash", f"{memory.flash_bytes:,} bytes{code}")]


def _camera_text(inputs: DeviceInputs) -> str:
    assert inputs.camera is not None
    return f"{inputs.camera.pixels}, {inputs.camera.width}x{inputs.camera.height}"


def _write(
    folder: Path, texts: Mapping[str, str], tflite: bytes, inputs: DeviceInputs, certificate: Certificate
) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(folder / path, text)
    with atomic_path(folder / MODEL) as temporary:
        temporary.write_bytes(tflite)
    with atomic_path(folder / INPUTS) as temporary, temporary.open("wb") as file:
        frames = {} if inputs.frames is None else {"frames": inputs.frames}
        np.savez_compressed(file, images=inputs.images, real=np.array(inputs.real), **frames)  # type: ignore[arg-type]
    write_json(folder / CERTIFICATE, certificate.to_dict())
    write_text_atomic(folder / "certificate.txt", tables(certificate))
    save_figure(draw_certificate(certificate), folder / "memory.png")


def _read_inputs(path: Path) -> DeviceInputs:
    try:
        arrays = unpack_npz(path.read_bytes(), max_bytes=MOST_INPUT_BYTES)
        return DeviceInputs(arrays["images"], int(arrays["real"]), frames=arrays.get("frames"))
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path}: is damaged; export again") from error


def _required(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DeployError(f"{path}: is missing; nano-u verify takes the folder that nano-u export --c wrote")
    return path


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
