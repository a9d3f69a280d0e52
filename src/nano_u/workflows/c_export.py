"""From an int8 model to a bundle of C files whose bytes are proven, and the proof again."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nano_u.codegen import (
    CSources,
    StreamingPlan,
    generate_c,
    multiply_accumulates,
    plan_streaming,
    stage_multiply_accumulates,
)
from nano_u.codegen.bundle_files import BundleFacts, bundle_files
from nano_u.codegen.camera_c import CameraSources, generate_camera_c
from nano_u.data import ImageSet
from nano_u.data.camera import CameraFormat, Crop
from nano_u.data.pixel_names import PixelName
from nano_u.deploy.micro import MicroModel, micro_available
from nano_u.deploy.quantized_reader import quantized_graph_of
from nano_u.deploy.summary import summarise_tflite
from nano_u.errors import BudgetError, ConfigError, DataError, DeployError, NanoUError
from nano_u.evaluation import DEFAULT_THRESHOLD, evaluate
from nano_u.graph.chips import Chip
from nano_u.quantization import QuantizedGraph
from nano_u.reporting.certificate import (
    Certificate,
    CertifiedMemory,
    DeviceAccuracy,
    StageRow,
    Verdict,
    Witness,
    certificate_verdict,
)
from nano_u.runs import read_json, write_json
from nano_u.toolchain import available, behind_camera, sha256_of
from nano_u.workflows.bundle_folder import (
    INPUTS,
    MODEL,
    certified_files,
    check_folder,
    inputs_of,
    write_bundle,
)
from nano_u.workflows.device_inputs import DeviceInputs, device_inputs, noise_alone
from nano_u.workflows.evaluate import through_camera
from nano_u.workflows.export import Export
from nano_u.workflows.prediction import load_predictor
from nano_u.workflows.source import ModelSource, accuracy_split, find_model, floor_of, split_of
from nano_u.workflows.witnesses import Progress, Subject, expected_outputs, stage_instructions, witnesses

logger = logging.getLogger(__name__)

REAL_INPUTS, RANDOM_INPUTS = 20, 4
REAL_INPUTS_FULL, RANDOM_INPUTS_FULL = 80, 20


@dataclass(frozen=True)
class ProofOptions:
    """What a bundle is proven on and must fit: images of `data` (the run's own) as a camera sends them in `pixels`.

    `pixels` are rgb888 by default, and `crop` is the part of its pictures that the network sees, all by default. `full`
    tries all compilers, optimisations, sanitizers and emulated cores, on more inputs.
    """

    pixels: PixelName | None = None
    crop: Crop | None = None
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

    @property
    def verdict(self) -> Verdict:
        """Whether its bytes are proven."""
        return certificate_verdict(self.certificate)

    @property
    def fit(self) -> str | None:
        """How much of the chip it takes, and where stack and code were measured if they were; None without a chip."""
        if self.chip is None:
            return None
        memory = self.certificate.memory
        unmeasured = ", which was not measured here"
        stack = f"{memory.ram_lacks}{unmeasured}" if memory.ram_lacks else f" with stack{memory.stack_on}"
        code = f"{memory.flash_lacks}{unmeasured}" if memory.flash_lacks else f" with code{memory.code_on}"
        return (
            f"{self.chip.name}: {memory.ram_bytes:,} of {self.chip.arena_bytes:,} bytes of RAM{stack}, "
            f"{memory.flash_bytes:,} of {self.chip.flash_bytes:,} bytes of flash{code}"
        )

    def raise_unfit(self) -> None:
        """DeployError where bytes differ, BudgetError where the chip has too little; the files are there."""
        raise_broken(self.folder, self.certificate)
        memory, chip = self.certificate.memory, self.chip
        if chip is not None and (memory.ram_bytes > chip.arena_bytes or memory.flash_bytes > chip.flash_bytes):
            raise BudgetError(f"{self.folder}: does not fit {self.fit}")


@dataclass(frozen=True)
class ExportFacts:
    """What an export knows of its model: the name that the C gets, and from where on a pixel is foreground.

    `threshold` is the int8 value that stands for `probability_threshold`.
    """

    name: str
    threshold: int | None = None
    probability_threshold: float = DEFAULT_THRESHOLD


def export_c(
    tflite: bytes,
    plan: StreamingPlan,
    folder: Path,
    inputs: DeviceInputs,
    facts: ExportFacts,
    *,
    chip: Chip | None = None,
    accuracy: DeviceAccuracy | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> CBundle:
    """Write the bundle of an int8 model, whose `plan` is given, into `folder`, and prove it on `inputs`.

    `accuracy` goes into the certificate. A proof that fails is written too, and told by `CBundle.raise_unfit`; where
    none can be made, nothing is written.

    Raises DeployError for a folder that holds something else, for inputs too large to be kept, and where the C does not
    compile.
    """
    inputs, graph = inputs.that_fit(), plan.graph
    sources = generate_c(plan, facts.name)
    camera = None if inputs.camera is None else (inputs.camera, _camera_sources(graph, inputs.camera, sources.name))
    subject = _subject(tflite, graph, sources, None if camera is None else camera[1], inputs)
    expected = expected_outputs(subject)
    found = witnesses(subject, expected, full=full, progress=progress)
    macs = multiply_accumulates(plan)
    memory = _memory(tflite, plan, camera, found)
    written = BundleFacts(macs, memory.state_bytes, facts.threshold, tuple(_memory_rows(memory)))
    texts = {
        **_source_texts(sources, None if camera is None else camera[1]),
        **bundle_files(graph, sources.name, written, camera, (inputs.images[0], expected[0])),
    }
    stages = _stages(plan, stage_instructions(subject))
    environment = {
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{compiler.name: compiler.version for compiler in available()},
    }
    certificate = Certificate(
        model=facts.name,
        c_name=sources.name,
        files_sha256={},
        real_inputs=inputs.real,
        random_inputs=len(inputs.images) - inputs.real,
        expected_sha256=sha256_of(expected),
        camera=None if inputs.camera is None else _camera_text(inputs.camera),
        macs=macs,
        witnesses=found,
        memory=memory,
        accuracy=accuracy,
        stages=stages,
        environment=environment,
    )
    certificate = write_bundle(folder, texts, tflite, inputs, certificate)
    return CBundle(folder, certificate, inputs.no_camera, chip)


def bundle_export(
    model: Path, export: Export, folder: Path, options: ProofOptions, *, progress: Progress | None = None
) -> CBundle:
    """`bundle_model` of what was just exported, with its threshold."""
    record = export.record
    facts = ExportFacts(record.model, record.int8_threshold, record.probability_threshold)
    return bundle_model(model, export.tflite, folder, options, facts, progress=progress)


def bundle_model(
    model: Path,
    tflite: Path,
    folder: Path,
    options: ProofOptions,
    facts: ExportFacts,
    *,
    progress: Progress | None = None,
) -> CBundle:
    """`export_c` of the int8 file `tflite` of `model`, proven on images of its data as the device's camera sends them.

    Without data (a `.tflite` outside of a run) it is proven on noise alone. Raises as `export_c`; DeployError, naming
    the layer, for a network that cannot be streamed; DataError or ConfigError where data is named and cannot be read;
    ConfigError for a camera, crop or split without data.
    """
    check_folder(folder)
    source = find_model(model, data=options.data, overrides=options.overrides)
    about_images = {"--camera": options.pixels, "--crop": options.crop, "--split": options.split}
    names = [name for name, value in about_images.items() if value is not None]
    if names and source.config.data is None:
        raise ConfigError(f"{', '.join(names)}: about images, and {model} has none; add --data DIR")
    content = tflite.read_bytes()
    plan = plan_streaming(quantized_graph_of(content))  # refuses before any image is read
    target = plan.graph.by_name[plan.graph.input]
    real, noise = (REAL_INPUTS_FULL, RANDOM_INPUTS_FULL) if options.full else (REAL_INPUTS, RANDOM_INPUTS)
    inputs, accuracy = noise_alone(target, "there is no data to tell its size"), None
    if source.config.data is not None:
        done = None if progress is None else partial(progress, "reading images")
        splits = source.load_data(target.shape, done)
        split = accuracy_split(splits, options.split)
        some = split_of(splits, split).spread(real)
        inputs = device_inputs(target, source, split, some, options.pixels or "rgb888", options.crop)
        if inputs.camera is not None:
            accuracy = _accuracy(source, tflite, plan.graph, split, splits, inputs.camera, facts.probability_threshold)
    bundle = export_c(
        content,
        plan,
        folder,
        inputs.with_noise(noise + real - inputs.real),
        facts,
        chip=options.chip,
        accuracy=accuracy,
        full=options.full,
        progress=progress,
    )
    if source.run is not None and tflite.resolve().parent == source.run.export_dir.resolve():
        write_json(source.run.certificate_path, bundle.certificate.to_dict())
    return bundle


def facts_beside(tflite: Path) -> ExportFacts:
    """What the record beside an exported `.tflite` says of it; its file's name and 0.5 where none is about it.

    Raises DeployError, naming the key, for a record of this file that is damaged.
    """
    path = tflite.parent / "export.json"
    try:
        record = read_json(path)
        if record["sha256"] != hashlib.sha256(tflite.read_bytes()).hexdigest():
            return ExportFacts(tflite.stem)
    except (NanoUError, KeyError, TypeError) as error:
        if path.is_file():
            logger.warning("%s: is no record of %s, whose own name is used (%s)", path, tflite.name, error)
        return ExportFacts(tflite.stem)
    name, threshold, probability = map(record.get, ("model", "int8_threshold", "probability_threshold"))
    right = {
        "model": isinstance(name, str),
        "int8_threshold": threshold is None or type(threshold) is int,
        "probability_threshold": type(probability) in (int, float) and 0 <= probability <= 1,
    }
    if not all(right.values()):
        wrong = next(key for key, is_right in right.items() if not is_right)
        raise DeployError(f"{path}: {wrong} is {record.get(wrong)!r:.40}, which no export writes; export again")
    return ExportFacts(name, threshold, probability)


def verify_bundle(folder: Path, *, full: bool = False, progress: Progress | None = None) -> Certificate:
    """The certificate that the files of a bundle earn now, on the inputs that it was made with.

    Raises DeployError where a file is missing, or was changed since it was certified, or where a proof cannot be made.
    """
    before, files = certified_files(folder)
    name = before.c_name
    texts = {path: content.decode() for path, content in files.items() if path.startswith("src/")}
    sources = CSources(name, texts[f"src/{name}.h"], texts[f"src/{name}.c"])
    camera = None
    if before.camera is not None:
        header, source = texts[f"src/{name}_camera.h"], texts[f"src/{name}_camera.c"]
        camera = CameraSources(header, source, 0, 0)
    inputs = inputs_of(files[INPUTS], folder / INPUTS)
    if (camera is None) != (inputs.frames is None):
        raise DeployError(f"{folder / INPUTS}: holds no camera pictures, or some without a camera; export again")
    plan = plan_streaming(quantized_graph_of(files[MODEL]))
    subject = _subject(files[MODEL], plan.graph, sources, camera, inputs)
    expected = expected_outputs(subject)
    found = witnesses(subject, expected, full=full, progress=progress)
    if sha256_of(expected) != before.expected_sha256:
        found = (*found, Witness("the certificate's own outputs", len(expected), before.expected_sha256, False))
    return replace(
        before,
        real_inputs=inputs.real,
        random_inputs=len(inputs.images) - inputs.real,
        macs=multiply_accumulates(plan),
        witnesses=found,
    )


def raise_broken(folder: Path, certificate: Certificate) -> None:
    """DeployError where something gave other bytes than the reference kernels."""
    if not certificate.holds:
        names = "; ".join(witness.name for witness in certificate.broken)
        raise DeployError(f"{folder}: other bytes than the reference kernels': {names}; it is not safe to deploy")


def raise_unproven(folder: Path, certificate: Certificate) -> None:
    """DeployError where bytes differ, and where the C was not run."""
    raise_broken(folder, certificate)
    verdict = certificate_verdict(certificate)
    if not verdict.holds:
        raise DeployError(f"{folder}: {verdict.text} {'; '.join(verdict.details)}".rstrip())


def _camera_sources(graph: QuantizedGraph, camera: CameraFormat, name: str) -> CameraSources:
    source = graph.by_name[graph.input]
    return generate_camera_c(camera, source.shape, source.scale, source.zero_point, name)


def _source_texts(sources: CSources, camera: CameraSources | None) -> dict[str, str]:
    texts = {f"src/{sources.name}.h": sources.header, f"src/{sources.name}.c": sources.source}
    if camera is not None:
        texts |= {f"src/{sources.name}_camera.h": camera.header, f"src/{sources.name}_camera.c": camera.source}
    return texts


def _subject(
    tflite: bytes, graph: QuantizedGraph, sources: CSources, camera: CameraSources | None, inputs: DeviceInputs
) -> Subject:
    behind = None if camera is None else behind_camera(sources, camera)
    return Subject(tflite, graph, sources, inputs.images, inputs.real, behind, inputs.frames)


def _accuracy(
    source: ModelSource,
    tflite: Path,
    graph: QuantizedGraph,
    split: str,
    splits: dict[str, ImageSet],
    camera: CameraFormat,
    threshold: float,
) -> DeviceAccuracy | None:
    """Of all images of the split; None, and said, for a network that gives no mask of its input's size, and for images
    that this camera does not send."""
    if camera.crop is not None:
        logger.warning("no IoU on the device: with a crop it sees another part of a picture than its mask tells of")
        return None
    height, width, channels = graph.by_name[graph.input].shape
    if channels != 3 or graph.by_name[graph.output].shape != (height, width, 1):
        logger.warning("no IoU on the device: the network does not give one value for each pixel of an RGB image")
        return None
    try:
        seen = through_camera(source, split, splits[split], camera.pixels, size=(camera.height, camera.width))
    except (ConfigError, DataError) as error:
        logger.warning("no IoU on the device: %s", error)
        return None
    logits = load_predictor(tflite).of(seen)
    pooled = evaluate(logits, seen, floor_probabilities=floor_of(splits), threshold=threshold, resamples=1).pooled
    floor = None if pooled.floor is None else pooled.floor.iou
    return DeviceAccuracy(split, len(seen), threshold, pooled.metrics.iou, floor)


def _memory(
    tflite: bytes,
    plan: StreamingPlan,
    camera: tuple[CameraFormat, CameraSources] | None,
    found: tuple[Witness, ...],
) -> CertifiedMemory:
    """Stack and code are those of the largest build, the camera's part in it where there is a camera."""
    deepest = max(found, key=lambda one: -1 if one.stack_bytes is None else one.stack_bytes)
    longest = max(found, key=lambda one: -1 if one.code_bytes is None else one.code_bytes)
    constants = [one.constant_bytes for one in found if one.constant_bytes is not None]
    _, width, channels = plan.graph.by_name[plan.graph.input].shape
    tables = plan.memory.constant_bytes + (0 if camera is None else camera[1].table_bytes)
    return CertifiedMemory(
        state_bytes=plan.memory.state_bytes,
        camera_bytes=0 if camera is None else camera[1].state_bytes + width * channels,
        constant_bytes=max(constants, default=tables),
        stack_bytes=deepest.stack_bytes,
        code_bytes=longest.code_bytes,
        live_bytes=summarise_tflite(tflite).peak_activation_bytes,
        arena_bytes=MicroModel(tflite).arena_bytes if micro_available() else None,
        stack_place=None if deepest.stack_bytes is None else deepest.place,
        code_place=None if longest.code_bytes is None else longest.place,
    )


def _stages(plan: StreamingPlan, instructions: Mapping[int, int]) -> tuple[StageRow, ...]:
    """What runs row by row, and what each leaves for those behind it."""
    buffers = {buffer.layer: buffer for buffer in plan.memory.buffers}
    source = buffers[plan.graph.input]
    rows = [StageRow("input", (plan.graph.input,), 0, source.bytes, source.rows, instructions.get(-1))]
    work = stage_multiply_accumulates(plan)
    for number, (stage, code, macs) in enumerate(zip(plan.layout.stages, plan.code, work, strict=True)):
        buffer = buffers[stage.output]
        layers = tuple(op.output for op in stage.ops)
        rows.append(StageRow(code.name, layers, macs, buffer.bytes, buffer.rows, instructions.get(number)))
    return tuple(rows)


def _memory_rows(memory: CertifiedMemory) -> list[tuple[str, str]]:
    stack = "" if memory.stack_bytes is None else f", of these {memory.stack_bytes:,} stack{memory.stack_on}"
    code = "" if memory.code_bytes is None else f", of these {memory.code_bytes:,} code{memory.code_on}"
    return [("RAM", f"{memory.ram_bytes:,} bytes{stack}"), ("flash", f"{memory.flash_bytes:,} bytes{code}")]


def _camera_text(camera: CameraFormat) -> str:
    view, size = camera.view, f"{camera.pixels}, {camera.width}x{camera.height}"
    return size if camera.crop is None else f"{size}, {view.width}x{view.height} from ({view.left}, {view.top})"
