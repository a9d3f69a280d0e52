"""The folder of a C bundle: what may be written over, what must be there, and whether it is as it was certified."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

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
from nano_u.workflows.device_inputs import DeviceInputs

CERTIFICATE, INPUTS, MODEL = "certificate.json", "inputs.npz", MODEL_FILE
PROVEN_FOLDERS = ("src/", "test/", "examples/")
"""What is in them is part of the proof; README and build files beside them are the owner's to change."""

MOST_INPUT_BYTES = 2**30


def check_folder(folder: Path) -> None:
    """Refuse to write over what is no bundle: DeployError for a file, and for a folder that holds something else."""
    _earlier(folder)


def _earlier(folder: Path) -> Certificate | None:
    """The certificate of the bundle that the folder holds; None where it is empty or not there."""
    if folder.is_file():
        raise DeployError(f"{folder}: is a file; give a folder for the C files")
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    if not (folder / CERTIFICATE).is_file():
        raise DeployError(f"{folder}: holds other files; give an empty folder for the C files, or one that holds some")
    try:
        return read_certificate(folder / CERTIFICATE)
    except NanoUError as error:
        raise DeployError(f"{folder}: holds a bundle that this version cannot read; give an empty folder") from error


def _remove_others(folder: Path, earlier: Certificate, names: Collection[str]) -> None:
    """Of an earlier bundle what the new one does not write: Arduino compiles all of `src/`."""
    root = folder.resolve()
    for name in earlier.files_sha256.keys() - set(names):
        if (folder / name).resolve().is_relative_to(root):
            (folder / name).unlink(missing_ok=True)


def write_files(folder: Path, texts: Mapping[str, str], tflite: bytes, inputs: DeviceInputs) -> dict[str, str]:
    """Write the bundle without its certificate; returns the SHA-256 of every file that the proof is about.

    Of an earlier bundle the files that this one does not have go. Raises DeployError as `check_folder`.
    """
    earlier = _earlier(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(folder / name, text)
    with atomic_path(folder / MODEL) as temporary:
        temporary.write_bytes(tflite)
    with atomic_path(folder / INPUTS) as temporary, temporary.open("wb") as file:
        frames = {} if inputs.frames is None else {"frames": inputs.frames}
        np.savez_compressed(file, images=inputs.images, real=np.array(inputs.real), **frames)  # type: ignore[arg-type]
    proven = [*(name for name in texts if name.startswith(PROVEN_FOLDERS)), MODEL, INPUTS]
    if earlier is not None:
        _remove_others(folder, earlier, proven)
    return {name: _sha256(folder / name) for name in proven}


def write_certificate(folder: Path, certificate: Certificate) -> None:
    """As JSON, as tables, and what the RAM is for as a picture."""
    write_json(folder / CERTIFICATE, certificate.to_dict())
    parts = [witness_table(certificate), memory_table(certificate.memory)]
    parts += [stage_table(certificate.stages)] if certificate.stages else []
    write_text_atomic(folder / "certificate.txt", "\n".join(part.to_text() for part in parts))
    save_figure(draw_certificate(certificate), folder / "memory.png")


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
    """The inputs in an `inputs.npz`; DeployError where it is damaged."""
    try:
        arrays = unpack_npz(content, max_bytes=MOST_INPUT_BYTES)
        return DeviceInputs(arrays["images"], int(arrays["real"]), frames=arrays.get("frames"))
    except (ValueError, KeyError, TypeError) as error:
        raise DeployError(f"{path}: is damaged; export again") from error


def required(folder: Path, name: str) -> Path:
    """A file of the bundle; DeployError where it is not there."""
    path = folder / name
    if not path.is_file():
        raise DeployError(f"{path}: is missing; nano-u verify takes the folder that nano-u export --c wrote")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
