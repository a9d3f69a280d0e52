"""A streaming network small enough to write by hand, in C and in NumPy, and C networks whose costs are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEADER = """
#ifndef {capitals}_H
#define {capitals}_H
#include <stdint.h>
#define {capitals}_INPUT_HEIGHT {height}
#define {capitals}_INPUT_WIDTH {width}
#define {capitals}_INPUT_CHANNELS 2
#define {capitals}_OUTPUT_HEIGHT ({height} / 2)
#define {capitals}_OUTPUT_WIDTH {width}
#define {capitals}_OUTPUT_CHANNELS 1
typedef struct {{ int32_t sums[{width}]; int32_t row; }} {name}_state;
typedef void (*{name}_row_fn)(void *context, int row, const int8_t *values);
void {name}_init({name}_state *state);
void {name}_push_row({name}_state *state, const int8_t *row, {name}_row_fn emit, void *context);
void {name}_run({name}_state *state, const int8_t *image, int8_t *mask);
#endif
"""

SOURCE = """
#include "{name}.h"
#include <stddef.h>
#include <string.h>

static const int8_t weights[4] = {{3, -2, 1, 5}};

void {name}_init({name}_state *state)
{{
    (void)memset(state, 0, sizeof *state);
}}

void {name}_push_row({name}_state *state, const int8_t *row, {name}_row_fn emit, void *context)
{{
    const int odd = state->row % 2;
    for (int x = 0; x < {width}; ++x) {{
        state->sums[x] += row[2 * x] * weights[2 * odd] + row[2 * x + 1] * weights[2 * odd + 1];
    }}
    {before_emit}
    if (odd == 1) {{
        int8_t values[{width}];
        for (int x = 0; x < {width}; ++x) {{
            int32_t value = state->sums[x] / 8;
            value = value > 127 ? 127 : value;
            value = value < -128 ? -128 : value;
            values[x] = (int8_t)value;
            state->sums[x] = 0;
        }}
        emit(context, state->row / 2, values);
    }}
    state->row = state->row + 1 == {height} ? 0 : state->row + 1;
}}

typedef struct {{ int8_t *mask; }} {name}_frame;

static void keep_row(void *context, int row, const int8_t *values)
{{
    {name}_frame *const frame = context;
    (void)memcpy(frame->mask + (size_t)row * {width}U, values, {width}U);
}}

void {name}_run({name}_state *state, const int8_t *image, int8_t *mask)
{{
    {name}_frame frame;
    frame.mask = mask;
    for (int y = 0; y < {height}; ++y) {{
        {name}_push_row(state, image + (size_t)y * 2U * {width}U, keep_row, &frame);
    }}
}}
"""


@dataclass(frozen=True)
class HandWritten:
    """C text of a network, as `StreamingSources` wants it."""

    name: str
    header: str
    source: str


def row_pairs(name: str = "pairs", height: int = 6, width: int = 5, before_emit: str = "") -> HandWritten:
    """A network that sums two input rows of two channels with fixed weights into one row of its output."""
    names = {"name": name, "capitals": name.upper(), "height": height, "width": width, "before_emit": before_emit}
    return HandWritten(name, HEADER.format(**names), SOURCE.format(**names))


def row_pairs_of(images: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """The same in NumPy: (n, h, w, 2) to (n, h / 2, w, 1); C's division rounds towards zero."""
    values = images.astype(np.int32)
    sums = values[:, 0::2] @ np.array([3, -2]) + values[:, 1::2] @ np.array([1, 5])
    return np.clip(np.trunc(sums / 8), -128, 127).astype(np.int8)[..., None]


def random_images(count: int, height: int = 6, width: int = 5) -> npt.NDArray[np.int8]:
    """int8 images over the whole range, the same at every call."""
    return np.random.default_rng(7).integers(-128, 128, (count, height, width, 2), np.int8)


def relying_on_zeroes() -> HandWritten:
    """A network that adds its input to a sum which its init forgets to set."""
    return one_row("    const int8_t sum = (int8_t)((state->sums[0] + row[0]) & 127); emit(context, 0, &sum);")


def one_row(push_row: str, *, before: str = "") -> HandWritten:
    """A network of one 1x1 row whose `push_row` has this body; it must emit one row."""
    header = HEADER.format(name="one", capitals="ONE", height=1, width=1).replace("(1 / 2)", "1")
    signature = "void one_push_row(one_state *state, const int8_t *row, one_row_fn emit, void *context)"
    source = (
        f'#include "one.h"\n{before}\nvoid one_init(one_state *state)\n{{\n    state->row = 0;\n}}\n{signature}\n'
        f"{{\n    (void)state;\n{push_row}\n}}\n"
        "void one_run(one_state *state, const int8_t *image, int8_t *mask)\n"
        "{\n    (void)state;\n    *mask = *image;\n}\n"
    )
    return HandWritten("one", header, source)
