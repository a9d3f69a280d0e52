from __future__ import annotations

import re

import numpy as np
import pytest
from tests.toolchain.requirements import need_sanitizers
from tests.toolchain.small_network import (
    HandWritten,
    one_row,
    random_images,
    relying_on_zeroes,
    row_pairs,
    row_pairs_of,
)

from nano_u.errors import DeployError
from nano_u.toolchain import host_build

ZERO = np.zeros((1, 1, 1, 2), np.int8)


def test_outputs_are_those_of_the_same_arithmetic_in_numpy_by_rows_and_by_frames() -> None:
    images = random_images(5)

    with host_build(row_pairs()) as build:
        by_rows, by_frames = build.run(images), build.run(images, whole_frames=True)

    assert (build.input_shape, build.output_shape) == ((6, 5, 2), (3, 5, 1))
    np.testing.assert_array_equal(by_rows, row_pairs_of(images))
    np.testing.assert_array_equal(by_frames, row_pairs_of(images))


@pytest.mark.parametrize("name", ["null", "eof", "bufsiz", "under_test", "network_under_test", "input", "output"])
def test_a_network_may_be_called_as_the_harness_or_c_call_their_own(name: str) -> None:
    images = random_images(2)

    with host_build(row_pairs(name)) as build:
        by_rows, by_frames = build.run(images), build.run(images, whole_frames=True)

    np.testing.assert_array_equal(by_rows, row_pairs_of(images))
    np.testing.assert_array_equal(by_frames, row_pairs_of(images))


@pytest.mark.parametrize("whole_frames", [False, True])
def test_the_limit_is_for_an_image_not_for_all(whole_frames: bool) -> None:
    """A quarter of a second each, by the processor's clock; the whole takes longer than the limit."""
    slow = one_row(
        "    const clock_t end = clock() + CLOCKS_PER_SEC / 4;\n    while (clock() < end) { ++state->row; }\n"
        "    emit(context, 0, row);",
        before="#include <time.h>",
    )
    through_rows = "{\n    one_init(state);\n    one_push_row(state, image, keep, mask);\n}\n"
    keep = "static void keep(void *mask, int row, const int8_t *values) { ((int8_t *)mask)[row] = values[0]; }\n"
    start = slow.source.index("void one_run")
    source = f"{slow.source[:start]}{keep}{slow.source[start : slow.source.index(chr(10), start) + 1]}{through_rows}"

    with host_build(HandWritten("one", slow.header, source)) as build:
        outputs = build.run(np.arange(12).astype(np.int8).reshape(6, 1, 1, 2), whole_frames=whole_frames, timeout=1.2)

    assert outputs.ravel().tolist() == [*range(0, 12, 2)]


def test_no_images_give_no_outputs() -> None:
    with host_build(row_pairs()) as build:
        assert build.run(random_images(0)).shape == (0, 3, 5, 1)


def test_images_go_through_one_state() -> None:
    counting = one_row("    int8_t value = (int8_t)(row[0] + state->row++); emit(context, 0, &value);")

    with host_build(counting) as build:
        outputs = build.run(np.zeros((4, 1, 1, 2), np.int8))

    assert outputs.ravel().tolist() == [0, 1, 2, 3]


def test_a_network_whose_init_relies_on_zeroed_memory_gives_other_bytes() -> None:
    with host_build(relying_on_zeroes()) as build:
        assert build.run(ZERO).item() != 0


def test_flags_reach_the_compiler() -> None:
    with host_build(
        one_row("    (void)row; int8_t value = GIVEN; emit(context, 0, &value);"), extra_flags=("-DGIVEN=42",)
    ) as build:
        assert build.run(ZERO).item() == 42


def test_a_failing_compile_names_its_reason_and_no_path() -> None:
    with (
        pytest.raises(DeployError, match=r"^\w+ failed: one\.c:\d+:\d+: error: .*missing") as caught,
        host_build(one_row("    (void)row; missing(emit, context);")),
    ):
        pass

    assert "/" not in str(caught.value)


def test_a_narrowing_conversion_is_an_error() -> None:
    narrowing = one_row("    int8_t value = state->row + row[0]; emit(context, 0, &value);")

    with pytest.raises(DeployError, match="conversion"), host_build(narrowing):
        pass


def test_a_hanging_network_is_stopped() -> None:
    hanging = one_row("    (void)row; (void)emit; (void)context; for (;;) { ++*(volatile int32_t *)&state->row; }")

    with (
        host_build(hanging) as build,
        pytest.raises(DeployError, match=r"^one_on_the_host gave nothing for 0\.5 s and was stopped$"),
    ):
        build.run(ZERO, timeout=0.5)


def test_a_crash_is_named_by_its_signal() -> None:
    crashing = one_row(
        "    (void)row; volatile int8_t *volatile nowhere = 0; int8_t value = *nowhere; emit(context, 0, &value);"
    )

    with host_build(crashing) as build, pytest.raises(DeployError, match=r"failed: stopped by SIG(SEGV|BUS)$"):
        build.run(ZERO)


@pytest.mark.parametrize(
    "emitted",
    ["", "emit(context, 1, row);", "emit(context, -1, row);", "emit(context, 0, row); emit(context, 1, row);"],
)
def test_rows_that_are_missing_or_wrong_are_refused(emitted: str) -> None:
    wrong = one_row(f"    (void)row; (void)emit; (void)context; {emitted}")

    with host_build(wrong) as build, pytest.raises(DeployError, match=r"failed: error: .*rows"):
        build.run(ZERO)


@pytest.mark.parametrize(
    ("push_row", "found"),
    [
        ("(void)row; emit(context, 0, (const int8_t *)(state + 1));", "heap-buffer-overflow"),
        ("state->row = INT32_MAX; state->row += row[0]; emit(context, 0, row);", "signed integer overflow"),
        (
            "state->row = *(const int32_t *)(const void *)row; emit(context, 0, row);",
            "misaligned address|buffer-overflow",
        ),
    ],
)
def test_sanitizers_stop_what_c_does_not_define(push_row: str, found: str) -> None:
    compiler = need_sanitizers()

    with (
        host_build(
            one_row(f"    {push_row}"), compiler=compiler, optimisation="-O1", sanitizers="address,undefined"
        ) as build,
        pytest.raises(DeployError, match=found),
    ):
        build.run(np.ones((1, 1, 1, 2), np.int8))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros((1, 6, 5, 2), np.uint8),
            "images must be int8 (n, height, width, channels), got uint8 of shape (1, 6, 5, 2)",
        ),
        (np.zeros((6, 5, 2), np.int8), "images must be int8 (n, height, width, channels), got int8 of shape (6, 5, 2)"),
        (np.zeros((1, 5, 6, 2), np.int8), "images are 5x6x2, the compiled network takes 6x5x2"),
    ],
)
def test_images_of_another_kind_are_refused(images: np.ndarray, message: str) -> None:
    with host_build(row_pairs()) as build, pytest.raises(DeployError, match=f"^{re.escape(message)}$"):
        build.run(images)


@pytest.mark.parametrize("name", ["Upper", "1st", "a-b", "../up", ""])
def test_a_name_that_c_cannot_take_is_refused(name: str) -> None:
    with pytest.raises(DeployError, match="cannot be the name of a C network"), host_build(HandWritten(name, "", "")):
        pass
