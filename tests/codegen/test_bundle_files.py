from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.codegen.compiled import compiler
from tests.codegen.networks import nano_u_graph

from nano_u.codegen import generate_c, plan_streaming
from nano_u.codegen.bundle_files import BundleFacts, bundle_files
from nano_u.quantization import run_integer

SMALL = nano_u_graph(input_shape=(16, 16, 3), filters=(4,), bottleneck=4, blocks_per_stage=1)
IMAGE = np.random.default_rng(0).integers(-128, 128, (16, 16, 3), np.int8)
MASK = run_integer(SMALL, IMAGE[np.newaxis])[0]

ARDUINO = """
#include <cstdint>
#include <cstdio>
static unsigned long clock_ms = 0;
static unsigned long millis() { return clock_ms; }
static unsigned long micros() { return 1000 * clock_ms; }
static void delay(unsigned long ms) { clock_ms += ms; }
struct Terminal {
    void begin(long) {}
    explicit operator bool() const { return clock_ms + 1 > OPEN_AT_MS; }
    void print(const char *text) { std::fputs(text, stdout); }
    void print(int value) { std::printf("%d", value); }
    void print(long value) { std::printf("%ld", value); }
    void print(unsigned long value) { std::printf("%lu", value); }
    void println(const char *text) { std::printf("%s\\n%lu ms\\n", text, clock_ms); }
};
static Terminal Serial;
void setup();
int main() { setup(); }
"""
"""As much of the Arduino core as the sketch uses; time goes on only while it waits."""

SILENT = """
#include "net.h"
void net_init(net_state *s) { (void)s; }
void net_push_row(net_state *s, const int8_t *row, net_row_fn emit, void *context)
{
    (void)s; (void)row; (void)emit; (void)context;
}
"""


def write_bundle(folder: Path, name: str = "net", mask: np.ndarray = MASK) -> str:
    """Files of SMALL with this expected output; returns its C prefix."""
    sources = generate_c(plan_streaming(SMALL), name)
    texts = {f"src/{sources.name}.h": sources.header, f"src/{sources.name}.c": sources.source}
    texts |= bundle_files(SMALL, sources.name, BundleFacts(1, 1, None, ()), None, (IMAGE, mask))
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return sources.name


def one_wrong() -> np.ndarray:
    mask = MASK.copy()
    mask[7, 3, 0] ^= 1
    return mask


def run_sketch(folder: Path, open_at_ms: int = 0) -> list[str]:
    """What the sketch prints, and what the clock showed then."""
    (folder / "Arduino.h").write_text(ARDUINO)
    subprocess.run([compiler(), "-std=c99", "-Isrc", "-c", "src/net.c"], check=True, cwd=folder)
    flags = ("-std=c++11", "-Wall", "-Wextra", "-Werror", f"-DOPEN_AT_MS={open_at_ms}UL", "-I.", "-Isrc")
    sketch = ("-include", "Arduino.h", "-x", "c++", "examples/self_test/self_test.ino", "-x", "none", "net.o")
    subprocess.run([compiler("g++"), *flags, *sketch, "-o", "sketch"], check=True, cwd=folder)
    done = subprocess.run([folder / "sketch"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_the_self_test_finds_equal_bytes(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    flags = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-Isrc")
    subprocess.run([compiler(), *flags, "src/net.c", "test/self_test.c", "-o", "self_test"], check=True, cwd=tmp_path)

    done = subprocess.run([tmp_path / "self_test"], capture_output=True, text=True, check=True)

    assert done.stdout == "net: 0 different bytes in 16 of 16 rows\n"


def test_no_line_of_the_test_vector_is_longer_than_a_screen(tmp_path: Path) -> None:
    write_bundle(tmp_path)

    assert max(map(len, (tmp_path / "src/net_test_vector.h").read_text().splitlines())) <= 120


@pytest.mark.parametrize("terminal_opens_ms", [0, 3000])
def test_the_sketch_waits_for_its_terminal_and_finds_equal_bytes(terminal_opens_ms: int, tmp_path: Path) -> None:
    write_bundle(tmp_path)

    printed, clock = run_sketch(tmp_path, terminal_opens_ms)

    assert printed == "equal: 0 different bytes in 16 of 16 rows, 0 microseconds per frame"
    assert clock == f"{terminal_opens_ms} ms"


def test_the_sketch_goes_on_without_a_terminal(tmp_path: Path) -> None:
    write_bundle(tmp_path)

    assert run_sketch(tmp_path, 10**9)[1] == "5000 ms"


def test_the_sketch_tells_a_different_byte(tmp_path: Path) -> None:
    write_bundle(tmp_path, mask=one_wrong())

    assert run_sketch(tmp_path)[0].startswith("DIFFERENT: 1 different bytes in 16 of 16 rows")


def test_the_sketch_tells_of_rows_that_never_came(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    (tmp_path / "src/net.c").write_text(SILENT)

    assert run_sketch(tmp_path)[0].startswith("DIFFERENT: 0 different bytes in 0 of 16 rows")


@pytest.mark.parametrize("name", ["test", "all", "install"])
def test_cmake_builds_and_tests_models_of_any_name(name: str, tmp_path: Path) -> None:
    """These are names of targets that CMake keeps for itself."""
    cmake, ctest = shutil.which("cmake"), shutil.which("ctest")
    if cmake is None or ctest is None:
        pytest.skip("cmake is not installed")
    compiler()
    assert write_bundle(tmp_path, name) == name

    subprocess.run([cmake, "-S", ".", "-B", "build"], check=True, cwd=tmp_path, capture_output=True)
    subprocess.run([cmake, "--build", "build"], check=True, cwd=tmp_path, capture_output=True)

    tested = subprocess.run([ctest], check=True, cwd=tmp_path / "build", capture_output=True, text=True)
    assert "100% tests passed, 0 tests failed out of 1" in tested.stdout


def test_a_bundle_can_be_a_part_of_another_project(tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    compiler()
    write_bundle(tmp_path / "net")
    (tmp_path / "main.c").write_text(
        '#include "net.h"\nstatic net_state s;\nint main(void) { net_init(&s); return 0; }\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app C)\nadd_subdirectory(net)\nadd_executable(app main.c)\n"
        "target_link_libraries(app net_network)\n"
    )

    subprocess.run([cmake, "-S", ".", "-B", "build"], check=True, cwd=tmp_path, capture_output=True)
    subprocess.run([cmake, "--build", "build"], check=True, cwd=tmp_path, capture_output=True)

    assert not list((tmp_path / "build").rglob("*self_test*"))


def test_the_arduino_library_names_processors_of_32_bits(tmp_path: Path) -> None:
    write_bundle(tmp_path)

    properties = dict(line.split("=", 1) for line in (tmp_path / "library.properties").read_text().splitlines())

    architectures = properties["architectures"].split(",")
    assert {"esp32", "rp2040", "mbed", "samd", "stm32", "renesas_uno", "teensy"} <= set(architectures)
    assert not {"*", "avr", "megaavr"} & set(architectures)
    assert all(re.fullmatch("[a-z0-9_]+", architecture) for architecture in architectures)
