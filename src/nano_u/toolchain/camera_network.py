"""A camera's conversion and a network as one: what the device computes from the camera's bytes to the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Protocol

from nano_u.toolchain.sources import StreamingSources


class CameraConversion(Protocol):
    """C files `<name>_camera.h` and `<name>_camera.c` that turn a camera's rows into rows of the network `<name>`.

    They define `<name>_camera`, `<name>_camera_init`, `<name>_camera_push`, which returns 1 with each network row that
    is complete, and `<NAME>_CAMERA_HEIGHT` and `<NAME>_CAMERA_ROW_BYTES`.
    """

    @property
    def header(self) -> str:
        """Text of `<name>_camera.h`."""

    @property
    def source(self) -> str:
        """Text of `<name>_camera.c`."""


@dataclass(frozen=True)
class CameraNetwork:
    """`StreamingSources` whose images are a camera's bytes, seen as int8 `(n, camera height, bytes of a row, 1)`."""

    name: str
    header: str
    source: str
    companions: Mapping[str, str]  # the files that it is made of: name to text


def behind_camera(network: StreamingSources, camera: CameraConversion) -> CameraNetwork:
    """The network `<name>` fed by the camera conversion of the same `<name>`, as a network `<name>_behind_camera`."""
    names = {"name": network.name, "NAME": network.name.upper()}
    return CameraNetwork(
        name=f"{network.name}_behind_camera",
        header=Template(_HEADER).substitute(names),
        source=Template(_SOURCE).substitute(names),
        companions={
            f"{network.name}.h": network.header,
            f"{network.name}.c": network.source,
            f"{network.name}_camera.h": camera.header,
            f"{network.name}_camera.c": camera.source,
        },
    )


_HEADER = """\
#ifndef ${NAME}_BEHIND_CAMERA_H
#define ${NAME}_BEHIND_CAMERA_H

#include "${name}.h"
#include "${name}_camera.h"

#define ${NAME}_BEHIND_CAMERA_INPUT_HEIGHT ${NAME}_CAMERA_HEIGHT
#define ${NAME}_BEHIND_CAMERA_INPUT_WIDTH ${NAME}_CAMERA_ROW_BYTES
#define ${NAME}_BEHIND_CAMERA_INPUT_CHANNELS 1
#define ${NAME}_BEHIND_CAMERA_OUTPUT_HEIGHT ${NAME}_OUTPUT_HEIGHT
#define ${NAME}_BEHIND_CAMERA_OUTPUT_WIDTH ${NAME}_OUTPUT_WIDTH
#define ${NAME}_BEHIND_CAMERA_OUTPUT_CHANNELS ${NAME}_OUTPUT_CHANNELS

typedef struct {
    ${name}_camera camera;
    ${name}_state network;
    int8_t row[${NAME}_INPUT_WIDTH * ${NAME}_INPUT_CHANNELS];
} ${name}_behind_camera_state;

void ${name}_behind_camera_init(${name}_behind_camera_state *state);
void ${name}_behind_camera_push_row(
    ${name}_behind_camera_state *state, const int8_t *row, ${name}_row_fn emit, void *context);
void ${name}_behind_camera_run(${name}_behind_camera_state *state, const int8_t *image, int8_t *mask);

#endif
"""

_SOURCE = """\
#include "${name}_behind_camera.h"

#include <stddef.h>

void ${name}_behind_camera_init(${name}_behind_camera_state *state)
{
    ${name}_camera_init(&state->camera);
    ${name}_init(&state->network);
}

void ${name}_behind_camera_push_row(
    ${name}_behind_camera_state *state, const int8_t *row, ${name}_row_fn emit, void *context)
{
    if (${name}_camera_push(&state->camera, (const uint8_t *)row, state->row) != 0) {
        ${name}_push_row(&state->network, state->row, emit, context);
    }
}

static void keep_row(void *context, int row, const int8_t *values)
{
    const size_t count = (size_t)${NAME}_OUTPUT_WIDTH * (size_t)${NAME}_OUTPUT_CHANNELS;
    int8_t *const kept = (int8_t *)context + (size_t)row * count;
    for (size_t index = 0U; index < count; ++index) {
        kept[index] = values[index];
    }
}

void ${name}_behind_camera_run(${name}_behind_camera_state *state, const int8_t *image, int8_t *mask)
{
    for (size_t y = 0U; y < (size_t)${NAME}_CAMERA_HEIGHT; ++y) {
        ${name}_behind_camera_push_row(state, image + y * (size_t)${NAME}_CAMERA_ROW_BYTES, keep_row, mask);
    }
}
"""
