"""The folder of a C bundle: what may be written over, what must be there, and whether it is as it was certified."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from nano_u.errors import DeployError, NanoUError
from nano_u.reporting import save_figure
from nano_u.reporting.certificate import (
    MODEL_FILE,
    Certificate,
    memory_table,
    read_certificate,
    stage_table,
    witness_table,
)
from nano_u.reporting.certificate_figure import draw_certificate
from nano_u.runs import atomic_path, write_json, write_text_atomic
from nano_u.runs.strict_npz import unpack_npz
from nano_u.workflows.device_inputs import MOST_INPUT_BYTES, DeviceInputs

logger = logging.getLogger(__name__)

CERTIFICATE, INPUTS, MODEL = "certificate.json", "inputs.npz", MODEL_FILE
PROVEN_FOLDERS = ("src/", "test/", "examples/")
"""What is in them is part of the proof; README and build files beside them are the owner's to change."""

STAGING = ".nano-u-new-"
"""How the folder begins in which a bundle is written before its files take the place of an earlier one's."""


def check_folder(folder: Path) -> None:
    """Refuse to write over what is no bundle: DeployError for a file, and for a folder that holds something else."""
    _earlier(folder)


def _earlier(folder: Path) -> Certificate | None:
    """The certificate of the bundle that the folder holds; None where it is empty or not there."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise DeployError(f"{nearest}: is a file; give a folder for the C files")
    if nearest != folder or all(path.name.startswith(STAGING) for path in folder.iterdir()):
        return None
    if not (folder / CERTIFICATE).is_file():
        raise DeployError(f"{folder}: holds other files; give an empty folder for the C files, or one that holds some")
    try:
        return read_certificate(folder / CERTIFICATE)
    except NanoUError as error:
        raise DeployError(f"{folder}: holds a bundle that this version cannot read; give an empty folder") from error


def write_bundle(
    folder: Path, texts: Mapping[str, str], tflite: bytes, inputs: DeviceInputs, certificate: Certificate
) -> Certificate:
    """Write the bundle with `certificate`, which is returned with the SHA-256 of every file that the proof is about.

    All is written beside the files of an earlier bundle before they are replaced, so that an error leaves them as they
    were; those that this bundle does not have go, and what the owner changed of README and build files stays, with a
    warning. Raises DeployError as `check_folder`.
    """
    earlier = _earlier(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(f"{STAGING}*"):
        shutil.rmtree(left_over)
    staged = Path(mkdtemp(prefix=STAGING, dir=folder))
    try:
        _write_files(staged, texts, tflite, inputs)
        others = {name: _sha256(staged / name) for name in texts if not name.startswith(PROVEN_FOLDERS)}
        proven = {name: _sha256(staged / name) for name in (*texts, MODEL, INPUTS) if name not in others}
        certificate = replace(certificate, files_sha256=proven, other_sha256=others)
        _write_certificate(staged, certificate)
        changed = [] if earlier is None else _changed(folder, earlier, others)
        for name in changed:
            (staged / name).unlink()
        _replace_files(staged, folder, earlier, proven)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    if changed:
        logger.warning("%s: kept as you changed it: %s; remove it for a new one", folder, ", ".join(changed))
    return certificate


def _changed(folder: Path, earlier: Certificate, others: Mapping[str, str]) -> list[str]:
    """Those of `others` that are neither what the earlier bundle wrote nor what this one does."""
    there = {name: _sha256(folder / name) for name in others if (folder / name).is_file()}
    return [name for name, sha256 in there.items() if sha256 not in (earlier.other_sha256.get(name), others[name])]


def _write_files(folder: Path, texts: Mapping[str, str], tflite: bytes, inputs: DeviceInputs) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(folder / name, text)
    with atomic_path(folder / MODEL) as temporary:
        temporary.write_bytes(tflite)
    with atomic_path(folder / INPUTS) as temporary, temporary.open("wb") as file:
        frames = {} if inputs.frames is None else {"frames": inputs.frames}
        np.savez_compressed(file, images=inputs.images, real=np.array(inputs.real), **frames)  # type: ignore[arg-type]


def _write_certificate(folder: Path, certificate: Certificate) -> None:
    """As JSON, as tables, and what the RAM is for as a picture."""
    write_json(folder / CERTIFICATE, certificate.to_dict())
    parts = [witness_table(certificate), memory_table(certificate.memory)]
    parts += [stage_table(certificate.stages)] if certificate.stages else []
    write_text_atomic(folder / "certificate.txt", "\n".join(part.to_text() for part in parts))
    save_figure(draw_certificate(certificate), folder / "memory.png")


def _replace_files(staged: Path, folder: Path, earlier: Certificate | None, proven: Collection[str]) -> None:
    """Move what is staged to its place, one file after the other.

    A certificate is there throughout, without which the folder would be refused after an interrupt: the earlier one
    to the end, which also names what must go, and in a new folder the new one from the beginning. Either names the
    hashes by which `verify` sees that a file is not its own.
    """
    names = sorted(str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file())
    names.remove(CERTIFICATE)
    for name in [CERTIFICATE, *names] if earlier is None else names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(folder / name)
    if earlier is not None:
        _remove_others(folder, earlier, proven)
        (staged / CERTIFICATE).replace(folder / CERTIFICATE)


def _remove_others(folder: Path, earlier: Certificate, names: Collection[str]) -> None:
    """Of an earlier bundle what the new one does not write: Arduino compiles all of `src/`."""
    root = folder.resolve()
    for name in earlier.files_sha256.keys() - set(names):
        path = folder / name
        if path.is_file() and path.resolve().is_relative_to(root):
            path.unlink()


def certified_files(folder: Path) -> tuple[Certificate, Mapping[str, bytes]]:
    """The certificate of a bundle, and the files that it is about, as they were certified.

    Raises DeployError where a file is missing, or was changed since.
    """
    certificate = read_certificate(required(folder, CERTIFICATE))
    name = certificate.c_name
    expected = [f"src/{name}.h", f"src/{name}.c", MODEL, INPUTS]
    if certificate.camera is not None:
        expected += [f"src/{name}_camera.h", f"src/{name}_camera.c"]
    if not set(expected) <= certificate.files_sha256.keys():
        raise DeployError(f"{folder / CERTIFICATE}: does not name all files of a bundle; export again")
    files = {}
    for path, sha256 in certificate.files_sha256.items():
        content = required(folder, path).read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DeployError(f"{folder / path}: was changed since it was certified; export again")
        files[path] = content
    return certificate, files


def inputs_of(content: bytes, path: Path) -> DeviceInputs:
    """The inputs in an `inputs.npz`; DeployError where it is damaged or too large, or proves nothing."""
    try:
        arrays = unpack_npz(content, max_bytes=MOST_INPUT_BYTES)
        inputs = DeviceInputs(arrays["images"], int(arrays["real"]), frames=arrays.get("frames"))
        count, frames = len(inputs.images), None if inputs.frames is None else len(inputs.frames)
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path}: cannot be read ({error}); export again") from error
    if count == 0 or not 0 <= inputs.real <= count:
        raise DeployError(f"{path}: holds {count} inputs, of these {inputs.real} images; export again")
    if frames is not None and not 0 < frames <= inputs.real:
        raise DeployError(f"{path}: holds {frames} camera pictures of {inputs.real} images; export again")
    return inputs


def required(folder: Path, name: str) -> Path:
    """A file of the bundle; DeployError where it is not there."""
    path = folder / name
    if not path.is_file():
        raise DeployError(f"{path}: is missing; nano-u verify takes the folder that nano-u export --c wrote")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
