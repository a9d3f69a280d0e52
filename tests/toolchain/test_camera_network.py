from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from tests.toolchain.requirements import CORE_CASES, need_core
from tests.toolchain.small_network import row_pairs, row_pairs_of

from nano_u.toolchain import Core, behind_camera, emulate, host_build

HEADER = """
#ifndef PAIRS_CAMERA_H
#define PAIRS_CAMERA_H
#include <stdint.h>
#define PAIRS_CAMERA_HEIGHT 12
#define PAIRS_CAMERA_ROW_BYTES 10
typedef struct { uint8_t above[10]; uint32_t row; } pairs_camera;
void pairs_camera_init(pairs_camera *camera);
int pairs_camera_push(pairs_camera *camera, const uint8_t *camera_row, int8_t *network_row);
#endif
"""

SOURCE = """
#include "pairs_camera.h"
void pairs_camera_init(pairs_camera *camera) { camera->row = 0U; }
int pairs_camera_push(pairs_camera *camera, const uint8_t *camera_row, int8_t *network_row)
{
    const int completes = (camera->row++ % 2U) != 0U;
    for (int x = 0; x < 10; ++x) {
        if (completes) {
            network_row[x] = (int8_t)((camera->above[x] + camera_row[x]) / 2 - 128);
        } else {
            camera->above[x] = camera_row[x];
        }
    }
    return completes;
}
"""


@dataclass(frozen=True)
class MeanOfTwoRows:
    """A camera conversion of two rows to one."""

    header: str = HEADER
    source: str = SOURCE


def test_a_camera_and_a_network_run_as_one_by_rows_and_by_frames() -> None:
    pictures, expected = _pictures_and_masks()

    with host_build(behind_camera(row_pairs(), MeanOfTwoRows())) as build:
        by_rows = build.run(pictures.view(np.int8))
        by_frames = build.run(pictures.view(np.int8), whole_frames=True)

    np.testing.assert_array_equal(by_rows, expected)
    np.testing.assert_array_equal(by_frames, expected)


@pytest.mark.parametrize("core", CORE_CASES)
def test_a_camera_and_a_network_run_as_one_on_a_core(core: Core) -> None:
    need_core(core)
    pictures, expected = _pictures_and_masks()

    run = emulate(behind_camera(row_pairs(), MeanOfTwoRows()), core, pictures.view(np.int8))
    alone = emulate(row_pairs(), core, _converted(pictures))

    np.testing.assert_array_equal(run.outputs, expected)
    assert run.state_bytes == alone.state_bytes + 16 + 12  # the camera's, and a row of ten bytes on words
    assert run.code_bytes > alone.code_bytes
    assert run.instructions_per_frame > alone.instructions_per_frame


def _pictures_and_masks() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
    pictures = np.random.default_rng(3).integers(0, 256, (3, 12, 10, 1), np.uint8)
    return pictures, row_pairs_of(_converted(pictures))


def _converted(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    above, below = pictures[:, 0::2].astype(np.int32), pictures[:, 1::2]
    return ((above + below) // 2 - 128).astype(np.int8).reshape(-1, 6, 5, 2)
