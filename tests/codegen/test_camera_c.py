from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nano_u.codegen.camera_c import CameraSources, generate_camera_c
from nano_u.data.camera import CameraFormat, Crop
from nano_u.data.camera_device import received_input
from nano_u.data.pixel_names import PIXEL_NAMES, PixelName
from nano_u.deploy.affine import INPUT_QUANTIZATION, AffineQuantization
from nano_u.errors import ConfigError, DataError, DeployError

STRICT = (
    *("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-pedantic", "-Werror"),
    *("-O2", "-g"),
)

TRAPPING = ("-fsanitize=undefined", "-fsanitize-trap=undefined")
CHECKS = {"gcc": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"), "clang": TRAPPING}
"""What notices undefined behaviour; clang's needs no library, which is not installed everywhere."""

# Pictures come in by rows; as many first rows as the argument says are a picture that broke off.
MAIN = """\
#include <stdio.h>
#include <stdlib.h>
#include "net_camera.h"

int main(int argc, char **argv)
{
    uint8_t *row = malloc(NET_CAMERA_ROW_BYTES);
    int8_t *values = malloc(NET_CAMERA_NETWORK_ROW_BYTES);
    int broken = (argc > 1) ? atoi(argv[1]) : 0;
    net_camera camera;
    net_camera_init(&camera);
    while (fread(row, 1, NET_CAMERA_ROW_BYTES, stdin) == NET_CAMERA_ROW_BYTES) {
        int is_complete = net_camera_push(&camera, row, values);
        if (broken > 0) {
            if (--broken == 0) {
                net_camera_init(&camera);
            }
        } else if (is_complete) {
            fwrite(values, 1, NET_CAMERA_NETWORK_ROW_BYTES, stdout);
        }
    }
    free(row);
    free(values);
    return 0;
}
"""


def compiled(sources: CameraSources, folder: Path, compiler: str = "gcc", flags: tuple[str, ...] | None = None) -> Path:
    """The test program of these sources, with every warning an error and every undefined behaviour noticed."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    for name, text in (("net_camera.h", sources.header), ("net_camera.c", sources.source), ("main.c", MAIN)):
        (folder / name).write_text(text)
    chosen = CHECKS[compiler] if flags is None else flags
    command = [compiler, *STRICT, *chosen, "net_camera.c", "main.c", "-o", "program"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")
    return folder / "program"


def rows_of(program: Path, pictures: bytes, broken_rows: int = 0) -> npt.NDArray[np.int8]:
    """What the program writes; a complaint of a sanitizer fails the test."""
    done = subprocess.run([program, str(broken_rows)], input=pictures, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return np.frombuffer(done.stdout, np.int8)


def pictures_of(camera: CameraFormat, seed: int) -> list[bytes]:
    """Bytes of all kinds: noise, all dark, all bright, rows and columns of extremes, one bright byte."""
    random = np.random.default_rng(seed)
    shape = (camera.height, camera.row_bytes)
    rows, columns = np.indices(shape)
    single = np.zeros(shape, np.uint8)
    single[-1, -1] = 255
    frames = [
        *random.integers(0, 256, (4, *shape), np.uint8),
        *(np.full(shape, value, np.uint8) for value in (0, 255, 127, 128)),
        *((axis % 2 * 255).astype(np.uint8) for axis in (rows, columns)),
        (random.integers(0, 2, shape) * 255).astype(np.uint8),
        single,
    ]
    return [frame.tobytes() for frame in frames]


def check_equal(
    camera: CameraFormat,
    input_shape: tuple[int, int, int],
    folder: Path,
    quantization: AffineQuantization = INPUT_QUANTIZATION,
    compiler: str = "gcc",
    flags: tuple[str, ...] | None = None,
) -> None:
    """Compile, run over one picture after the other without `init` between them, and compare every byte."""
    sources = generate_camera_c(camera, input_shape, quantization.scale, quantization.zero_point, "net")
    pictures = pictures_of(camera, seed=camera.width)

    written = rows_of(compiled(sources, folder, compiler, flags), b"".join(pictures))

    expected = [received_input(picture, camera, input_shape, quantization) for picture in pictures]
    np.testing.assert_array_equal(written.reshape(-1, *input_shape), np.stack(expected))


@pytest.mark.parametrize("pixels", PIXEL_NAMES)
def test_every_pixel_format_equals_its_twin(pixels: PixelName, tmp_path: Path) -> None:
    check_equal(CameraFormat(160, 120, pixels), (48, 64, 3), tmp_path)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(
    ("camera", "input_shape"),
    [
        (CameraFormat(320, 240, "rgb565"), (60, 80, 3)),
        (CameraFormat(161, 97, "rgb565"), (48, 64, 3)),
        (CameraFormat(161, 97, "rgb888"), (97, 64, 3)),
        (CameraFormat(64, 48, "bgr888"), (48, 64, 3)),
        (CameraFormat(64, 48, "yuyv"), (1, 1, 3)),
        (CameraFormat(1, 1, "rgb888"), (1, 1, 3)),
        (CameraFormat(160, 120, "uyvy", Crop(13, 0, 101, 61)), (48, 64, 3)),
        (CameraFormat(160, 120, "yuyv", Crop(31, 24, 128, 96)), (48, 64, 3)),
        (CameraFormat(161, 97, "rgb565le", Crop(1, 2, 160, 95)), (48, 64, 3)),
        (CameraFormat(160, 120, "gray8", Crop(0, 24, 160, 72)), (48, 64, 1)),
    ],
)
def test_sizes_and_crops_equal_their_twin(
    compiler: str, camera: CameraFormat, input_shape: tuple[int, int, int], tmp_path: Path
) -> None:
    check_equal(camera, input_shape, tmp_path, compiler=compiler)


@pytest.mark.parametrize("pixels", ["yuyv", "uyvy"])
def test_every_chroma_is_rounded_as_its_twin_does(pixels: PixelName, tmp_path: Path) -> None:
    camera, input_shape = CameraFormat(512, 256, pixels), (256, 512, 3)
    sources = generate_camera_c(camera, input_shape, 1 / 255, -128, "net")
    luma, chroma = (0, 1) if pixels == "yuyv" else (1, 0)
    sent = np.empty((256, 256, 4), np.uint8)
    sent[..., [luma, luma + 2]] = np.random.default_rng(4).integers(0, 256, (256, 256, 2), np.uint8)
    sent[..., chroma], sent[..., chroma + 2] = np.indices((256, 256))

    written = rows_of(compiled(sources, tmp_path), sent.tobytes())

    expected = received_input(sent.tobytes(), camera, input_shape, INPUT_QUANTIZATION)
    np.testing.assert_array_equal(written.reshape(input_shape), expected)


@pytest.mark.parametrize("quantization", [AffineQuantization(1 / 127.5, -1), AffineQuantization(0.0021, 100)])
def test_other_quantisations_go_through_a_table(quantization: AffineQuantization, tmp_path: Path) -> None:
    check_equal(CameraFormat(160, 120, "rgb565"), (48, 64, 3), tmp_path, quantization)


def test_sums_that_just_fit_into_32_bits_do_not_overflow(tmp_path: Path) -> None:
    camera = CameraFormat(4099, 4093, "gray8")
    sources = generate_camera_c(camera, (2, 2, 1), 1 / 255, -128, "net")

    written = rows_of(compiled(sources, tmp_path), bytes([255]) * camera.frame_bytes)

    assert written.tolist() == [127] * 4


@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_level_of_optimisation_changes_a_byte(compiler: str, level: str, tmp_path: Path) -> None:
    check_equal(CameraFormat(161, 97, "rgb565"), (48, 64, 3), tmp_path, compiler=compiler, flags=(level,))


def test_a_picture_that_broke_off_leaves_nothing_after_init(tmp_path: Path) -> None:
    camera = CameraFormat(8, 5, "gray8", Crop(0, 1, 8, 4))
    program = compiled(generate_camera_c(camera, (2, 4, 1), 1 / 255, -128, "net"), tmp_path)
    whole = pictures_of(camera, seed=0)[0]

    written = rows_of(program, bytes([255]) * 3 * camera.row_bytes + whole, broken_rows=3)

    expected = received_input(whole, camera, (2, 4, 1), INPUT_QUANTIZATION)
    np.testing.assert_array_equal(written.reshape(2, 4, 1), expected)


def test_the_state_is_one_row_of_sums_and_two_counters() -> None:
    def sources(pixels: PixelName, scale: float = 1 / 255) -> CameraSources:
        return generate_camera_c(CameraFormat(160, 120, pixels), (48, 64, 3), scale, -128, "net")

    assert sources("rgb565").state_bytes == 64 * 3 * 4 + 8
    assert sources("gray8").state_bytes == 64 * 4 + 8
    assert (sources("rgb565").table_bytes, sources("rgb565", 0.01).table_bytes) == (0, 256)
    assert "[256]" in sources("rgb565", 0.01).source
    assert "[256]" not in sources("rgb565").source


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m7"])
def test_the_cross_compiler_takes_it_without_a_warning(core: str, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    for pixels in ("rgb565", "yuyv"):
        sources = generate_camera_c(CameraFormat(160, 120, pixels), (48, 64, 3), 0.01, 3, "net")
        (tmp_path / "net_camera.h").write_text(sources.header)
        (tmp_path / "net_camera.c").write_text(sources.source)
        command = ["arm-none-eabi-gcc", *STRICT, f"-mcpu={core}", "-mthumb", "-c", "net_camera.c"]

        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["", "2fast", "my-net", "net camera", "_net", "n\u00e9t", "net\n"])
def test_names_that_c_cannot_have_are_refused(name: str) -> None:
    with pytest.raises(DeployError, match="cannot begin the names of C functions"):
        generate_camera_c(CameraFormat(160, 120), (48, 64, 3), 1 / 255, -128, name)


def test_what_the_twin_refuses_is_not_generated() -> None:
    with pytest.raises(ConfigError, match="cannot be enlarged"):
        generate_camera_c(CameraFormat(32, 24), (48, 64, 3), 1 / 255, -128, "net")
    with pytest.raises(DataError, match="this one has 1"):
        generate_camera_c(CameraFormat(160, 120), (48, 64, 1), 1 / 255, -128, "net")
    with pytest.raises(DeployError, match="scale must be a positive float32"):
        generate_camera_c(CameraFormat(160, 120), (48, 64, 3), 0.0, -128, "net")
