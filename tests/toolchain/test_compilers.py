from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import DeployError
from nano_u.toolchain import available, compilers, find_compiler, host_compiler
from nano_u.toolchain.compilers import compile_in, unsanitizable


def test_a_compiler_is_found_by_name_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _program(tmp_path, "clang", "echo clang version 99; echo more")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    found = find_compiler("clang")

    assert found is not None
    assert (found.name, found.path, found.version) == ("clang", str(path), "clang version 99")


def test_only_installed_compilers_are_available_and_the_first_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cc", "clang"):
        _program(tmp_path, name, "echo 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert [compiler.name for compiler in available()] == ["clang", "cc"]
    assert host_compiler().name == "clang"
    assert host_compiler("cc").name == "cc"


def test_a_machine_without_compilers_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DeployError, match=r"^no C compiler: gcc and clang and cc not found; install one"):
        host_compiler()


def test_a_compiler_that_cannot_tell_its_version_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, "gcc", "exit 69")
    _program(tmp_path, "clang", "echo 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_compiler("gcc") is None
    assert host_compiler().name == "clang"


def test_a_failing_compiler_is_quoted_with_its_first_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path, "gcc", 'if [ "$1" = --version ]; then echo 1; exit; fi; echo "a.c:1: error: no" >&2; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    compiler = host_compiler("gcc")

    with pytest.raises(DeployError, match=r"^gcc failed: a\.c:1: error: no$"):
        compile_in(tmp_path, compiler, ["a.c"])
    assert unsanitizable(compiler, "address") == "gcc's sanitizer has no runtime here"


@pytest.mark.parametrize(
    "start",
    [
        'echo "ASan cannot proceed correctly. ABORTING." >&2; exit 1',
        "kill -SEGV $$",
        "test -e $0.ran && exit 1; : > $0.ran",
    ],
    ids=["aborts", "crashes", "runs_once"],
)
def test_a_sanitizer_that_links_but_does_not_run_is_told_so(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As address sanitizers of older compilers where memory is laid out more randomly than they know."""
    made = _program(tmp_path, "made", start)
    _program(tmp_path, "clang", f'if [ "$1" = --version ]; then echo 1; else cp {made} "$4"; fi')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert unsanitizable(host_compiler("clang"), "address") == "clang's sanitizer does not run here"


def test_a_sanitizer_that_hangs_at_its_start_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _program(tmp_path, "made", "exec sleep 60")
    _program(tmp_path, "clang", f'if [ "$1" = --version ]; then echo 1; else cp {made} "$4"; fi')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(compilers, "_START_SECONDS", 0.2)

    assert unsanitizable(host_compiler("clang"), "address") == "clang's sanitizer does not run here"


def test_a_sanitizer_that_is_installed_runs() -> None:
    compiler = host_compiler()
    fault = unsanitizable(compiler, "undefined")

    assert fault in (None, f"{compiler.name}'s sanitizer has no runtime here")


def _program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
