from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pytest
from tests.toolchain.requirements import need_compiler, need_core
from tests.toolchain.small_network import one_row, random_images, row_pairs, row_pairs_of

from nano_u.errors import DeployError
from nano_u.toolchain import (
    CORES,
    BoardTooSmallError,
    core_named,
    emulated_matrix,
    host_compiler,
    host_matrix,
    matrix,
    sha256_of,
)

IMAGES = random_images(3)
EXPECTED = row_pairs_of(IMAGES)


def test_the_quick_matrix_is_one_build() -> None:
    (row,) = host_matrix(row_pairs(), IMAGES, EXPECTED, full=False)

    assert (row.target, row.compiler, row.optimisation) == ("host", host_compiler().version, "-O2")
    assert (row.sha256, row.equal, row.not_run) == (sha256_of(EXPECTED), True, None)


def test_the_full_matrix_has_both_compilers_all_optimisations_and_the_sanitizers() -> None:
    need_compiler("gcc")

    rows = host_matrix(row_pairs(), IMAGES, EXPECTED, full=True)

    variants = [("-O0", ""), ("-O1", ""), ("-O2", ""), ("-O3", ""), ("-O1", "address,undefined")]
    assert [(row.optimisation, row.sanitizers) for row in rows] == 2 * variants
    assert all((row.sha256, row.equal) == (sha256_of(EXPECTED), True) for row in rows if row.not_run is None)
    assert all(row.not_run is None for row in rows[:4])


def one_byte_off() -> npt.NDArray[np.int8]:
    expected = EXPECTED.copy()
    expected[2, 2, 4, 0] ^= 1
    return expected


def test_one_differing_byte_is_seen() -> None:
    (row,) = host_matrix(row_pairs(), IMAGES, one_byte_off(), full=False)

    assert (row.equal, row.sha256) == (False, sha256_of(EXPECTED))


def test_one_differing_byte_is_seen_on_a_core() -> None:
    core = core_named("cortex-m4")
    need_core(core)

    (row,) = emulated_matrix(row_pairs(), IMAGES, one_byte_off(), cores=(core,))

    assert (row.equal, row.sha256) == (False, sha256_of(EXPECTED))


def test_every_core_gives_the_expected_outputs() -> None:
    for core in CORES:
        need_core(core)

    rows = emulated_matrix(row_pairs(), IMAGES, EXPECTED)

    assert [row.target for row in rows] == [core.name for core in CORES]
    assert all((row.sha256, row.equal) == (sha256_of(EXPECTED), True) for row in rows)
    assert all(row.run is not None and row.run.stack_bytes > 0 for row in rows)


def test_what_cannot_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    hosts = host_matrix(row_pairs(), IMAGES, EXPECTED, full=True)
    (board,) = emulated_matrix(row_pairs(), IMAGES, EXPECTED, cores=(core_named("cortex-m7"),))

    assert [row.not_run for row in hosts] == 5 * ["not run: gcc is not installed"] + 5 * [
        "not run: clang is not installed"
    ]
    assert (board.target, board.not_run) == ("cortex-m7", "not run: arm-none-eabi-gcc is not installed")
    assert all(row.equal is None and row.sha256 is None for row in (*hosts, board))


def test_a_network_too_large_for_the_board_is_a_row_that_says_so() -> None:
    need_core(core_named("cortex-m4"))
    large = one_row("    emit(context, 0, &table[row[0]]);", before="static const int8_t table[5000000] = {1};")
    images, expected = np.zeros((1, 1, 1, 2), np.int8), np.ones((1, 1, 1, 1), np.int8)

    (row,) = emulated_matrix(large, images, expected, cores=(core_named("cortex-m4"),))

    assert row.target == "cortex-m4"
    assert (row.not_run or "").startswith(
        "not run: the network's code and constants do not fit the emulated mps2-an386"
    )
    assert (row.sha256, row.equal, row.run) == (None, None, None)


@pytest.mark.parametrize(
    "reason",
    [
        "emulated cortex-m4: the network has more than 4095 stages",
        "emulated cortex-m4: one row takes more instructions than the board's timer can count, over 10^9",
    ],
)
def test_a_row_says_what_there_is_too_much_of(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise BoardTooSmallError(reason)

    monkeypatch.setattr(matrix, "unavailable", lambda _: None)
    monkeypatch.setattr(matrix, "emulate", fail)

    (row,) = emulated_matrix(row_pairs(), IMAGES, EXPECTED, cores=(core_named("cortex-m4"),))

    assert (row.not_run, row.equal, row.run) == (f"not run: {reason}", None, None)


def test_a_compiler_of_two_names_is_one_witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, where gcc is clang."""
    path = need_compiler("gcc").path
    for name in ("gcc", "clang"):
        (tmp_path / name).write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo Apple clang 99; else exec {path} "$@"; fi\n'
        )
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    rows = host_matrix(row_pairs(), IMAGES, EXPECTED, full=True)

    assert [row.compiler for row in rows] == 5 * ["Apple clang 99"] + 5 * ["clang"]
    assert [row.not_run for row in rows[5:]] == 5 * ["not run: clang is the same compiler as gcc"]


def test_a_sanitizer_that_does_not_run_is_a_row_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gcc = need_compiler("gcc").path
    scripts = {
        "made": 'echo "ERROR: AddressSanitizer: cannot proceed" >&2; exit 1',
        "clang": f'for last; do :; done\ncase "$*" in\n--version) echo clang 14;;\n'
        f'*-fsanitize=*) cp {tmp_path}/made "$last";;\n*) exec {gcc} "$@";;\nesac',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    *plain, sanitized = host_matrix(row_pairs(), IMAGES, EXPECTED, full=True)[5:]

    assert [row.equal for row in plain] == 4 * [True]
    assert (sanitized.compiler, sanitized.sanitizers, sanitized.equal) == ("clang 14", "address,undefined", None)
    assert sanitized.not_run == "not run: clang's sanitizer does not run here"


def test_a_build_that_fails_is_an_error_not_a_row() -> None:
    with pytest.raises(DeployError, match=r"one\.c"):
        host_matrix(
            one_row("    (void)row; missing(emit, context);"), np.zeros((1, 1, 1, 2), np.int8), IMAGES[:1], full=True
        )


def test_expected_outputs_of_another_number_of_images_are_refused() -> None:
    with pytest.raises(DeployError, match=r"for n = 3 images, got int8 of shape \(2, 3, 5, 1\)"):
        host_matrix(row_pairs(), IMAGES, EXPECTED[:2], full=False)
