from __future__ import annotations

import errno
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from tests.reporting.html.small_certificate import small_certificate

import nano_u.workflows.bundle_folder as bundle_folder
from nano_u.reporting.certificate import Certificate
from nano_u.workflows.bundle_folder import STAGING, certified_files, write_bundle
from nano_u.workflows.device_inputs import DeviceInputs

INPUTS = DeviceInputs(np.zeros((1, 2, 3, 3), np.int8), 0)


def write(folder: Path, name: str) -> Certificate:
    texts = {f"src/{name}.c": f"{name}\n", f"src/{name}.h": "", "README.md": f"{name}\n"}
    return write_bundle(folder, texts, b"model", INPUTS, small_certificate(c_name=name, camera=None))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_certificate_names_what_was_written(tmp_path: Path) -> None:
    certificate = write(tmp_path / "a" / "c", "net")

    assert certified_files(tmp_path / "a" / "c") == (certificate, mock.ANY)
    assert set(certificate.files_sha256) == {"src/net.c", "src/net.h", "model.tflite", "inputs.npz"}
    assert {"README.md", "certificate.txt", "memory.png"} < files_in(tmp_path / "a" / "c").keys()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("writer", ["write_text_atomic", "atomic_path", "write_json", "save_figure"])
def test_writing_that_fails_or_is_interrupted_changes_nothing(
    tmp_path: Path, writer: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "old", "first")
    before = files_in(tmp_path / "old")
    with monkeypatch.context() as patch:
        patch.setattr(bundle_folder, writer, mock.Mock(side_effect=error))
        for folder in (tmp_path / "old", tmp_path / "new"):
            with pytest.raises(type(error)):
                write(folder, "second")

    assert files_in(tmp_path / "old") == before
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("moved", range(8))
@pytest.mark.parametrize("beginning", ["new", "killed", "earlier"])
def test_after_an_interrupt_between_two_files_the_next_export_makes_the_bundle_whole(
    tmp_path: Path, moved: int, beginning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_folder, "save_figure", lambda figure, path: path.write_bytes(b"drawn"))
    write(tmp_path / "whole", "second")
    folder = tmp_path / "c"
    if beginning == "killed":
        (folder / f"{STAGING}x" / "src").mkdir(parents=True)
    elif beginning == "earlier":
        write(folder, "first")

    with monkeypatch.context() as patch:
        moves = mock.Mock(side_effect=[mock.DEFAULT] * moved + [KeyboardInterrupt()], wraps=Path.replace)
        patch.setattr(Path, "replace", lambda self, target: moves(self, target))
        with pytest.raises(KeyboardInterrupt):
            write(folder, "second")
    write(folder, "second")

    assert files_in(folder) == files_in(tmp_path / "whole")


def test_a_folder_that_an_earlier_certificate_names_stays(tmp_path: Path) -> None:
    earlier = write(tmp_path, "first")
    (tmp_path / "src" / "mine").mkdir()
    named = {**earlier.files_sha256, "src/mine": "0" * 64}
    bundle_folder.write_json(tmp_path / "certificate.json", {**earlier.to_dict(), "files_sha256": named})

    write(tmp_path, "second")

    assert {path.name for path in (tmp_path / "src").iterdir()} == {"second.c", "second.h", "mine"}


def test_what_the_owner_changed_stays_until_it_is_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    readme = tmp_path / "README.md"
    write(tmp_path, "first")
    write(tmp_path, "second")
    assert (readme.read_text(), caplog.text) == ("second\n", "")

    readme.write_text("mine\n")
    for name in ("third", "fourth"):
        caplog.clear()
        write(tmp_path, name)
        assert readme.read_text() == "mine\n"
        assert "kept as you changed it: README.md" in caplog.text

    readme.unlink()
    write(tmp_path, "fifth")
    assert readme.read_text() == "fifth\n"
    write(tmp_path, "sixth")
    assert readme.read_text() == "sixth\n"
