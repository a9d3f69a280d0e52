from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.toolchain.requirements import CORE_CASES, need_core
from tests.toolchain.small_network import (
    HandWritten,
    one_row,
    random_images,
    relying_on_zeroes,
    row_pairs,
    row_pairs_of,
)

from nano_u.errors import DeployError
from nano_u.toolchain import CORES, BoardTooSmallError, Core, core_named, emulate, sha256_of, unavailable

M3 = core_named("cortex-m3")
ZERO = np.zeros((1, 1, 1, 2), np.int8)

# push_row(r0 = state, r1 = row, r2 = emit, r3 = context) that ends as a jump into emit: five instructions.
GO_ON_IN_EMIT = "mov r12, r2\nmov r2, r1\nmovs r1, #0\nmov r0, r3\nbx r12\n"


def assembled(push_row: str, **parts: str) -> HandWritten:
    """A network whose `one_push_row` is exactly these instructions (ARMv6-M ones run on every core)."""
    lines = "".join(f'    "{line}\\n"\n' for line in push_row.strip().splitlines())
    assembly = (
        "__asm__(\n"
        '    ".syntax unified\\n.text\\n.thumb\\n.global one_push_row\\n"\n'
        '    ".type one_push_row, %function\\n.thumb_func\\none_push_row:\\n"\n'
        f'{lines}    ".ltorg\\n");\n'
    )
    sources = one_row("", **parts)
    before, _, after = sources.source.partition("void one_push_row")
    return HandWritten("one", sources.header, before + assembly + after[after.index("void one_run") :])


@pytest.mark.parametrize("core", CORE_CASES)
def test_outputs_are_those_of_the_same_arithmetic_in_numpy(core: Core) -> None:
    need_core(core)
    images = random_images(4)

    run = emulate(row_pairs(), core, images)

    np.testing.assert_array_equal(run.outputs, row_pairs_of(images))
    assert run.sha256 == sha256_of(row_pairs_of(images))
    assert (run.input_shape, run.output_shape) == ((6, 5, 2), (3, 5, 1))
    assert run.state_bytes == 4 * 5 + 4
    assert run.variable_bytes == 0


@pytest.mark.parametrize("core", CORE_CASES)
def test_every_instruction_of_the_network_is_counted_and_none_of_the_harness(core: Core) -> None:
    need_core(core)
    counting_down = "ldrb r0, [r1]\n1: subs r0, r0, #1\nbne 1b\n" + GO_ON_IN_EMIT
    loops = np.arange(1, 128)

    run = emulate(assembled(counting_down), core, _rows(loops))

    assert run.frame_instructions == tuple((1 + 2 * loops + 5).tolist())
    assert run.instructions_per_frame == 260
    assert run.stage_instructions == {-1: sum(run.frame_instructions)}


def test_a_million_instructions_are_counted_to_the_last() -> None:
    need_core(M3)
    long = "ldr r0, =500000\n1: subs r0, r0, #1\nbne 1b\n" + GO_ON_IN_EMIT

    assert emulate(assembled(long), M3, ZERO).frame_instructions == (1_000_006,)


@pytest.mark.slow
def test_a_row_too_long_for_the_timer_is_refused() -> None:
    need_core(M3)
    endless = "ldr r0, =700000000\n1: subs r0, r0, #1\nbne 1b\n" + GO_ON_IN_EMIT

    with pytest.raises(BoardTooSmallError, match="more instructions than the board's timer can count"):
        emulate(assembled(endless), M3, ZERO)


def test_instructions_before_and_after_a_row_count_and_those_of_its_receiver_do_not() -> None:
    need_core(M3)
    returning = "push {r4, lr}\nmov r4, r2\nmov r2, r1\nmovs r1, #0\nblx r4\nnop\nnop\npop {r4, pc}"

    assert emulate(assembled(returning), M3, ZERO).frame_instructions == (8,)


def test_instructions_of_a_frame_are_those_of_all_its_rows() -> None:
    need_core(M3)

    twice = [
        emulate(row_pairs(height=height), M3, random_images(1, height)).frame_instructions[0] for height in (4, 6, 8)
    ]

    assert twice[2] - twice[1] == pytest.approx(twice[1] - twice[0], abs=4)  # the clamps of random values


def test_a_hook_tells_the_instructions_of_each_stage() -> None:
    need_core(M3)
    staged = (
        "push {r2, r3, r4, lr}\nmov r4, r1\n"
        "movs r0, #3\nbl nano_u_stage\n"
        "nop\nnop\nmovs r0, #1\nbl nano_u_stage\n"
        "mov r1, r4\npop {r2, r3, r4}\npop {r0}\nmov lr, r0\n" + GO_ON_IN_EMIT
    )

    run = emulate(assembled(staged), M3, np.zeros((2, 1, 1, 2), np.int8))

    assert run.stage_instructions == {-1: 2 * 4, 3: 2 * 4, 1: 2 * 9}
    assert run.frame_instructions == (17, 17)


def naming(stage: int) -> HandWritten:
    return assembled(
        f"push {{r2, r3, r4, lr}}\nmov r4, r1\nldr r0, ={stage}\nbl nano_u_stage\n"
        "mov r1, r4\npop {r2, r3, r4}\npop {r0}\nmov lr, r0\n" + GO_ON_IN_EMIT
    )


def test_as_many_stages_as_the_harness_counts_are_told_apart() -> None:
    need_core(M3)

    assert emulate(naming(4094), M3, ZERO).stage_instructions == {-1: 4, 4094: 9}
    with pytest.raises(BoardTooSmallError, match="the network has more than 4095 stages"):
        emulate(naming(4095), M3, ZERO)


def test_a_hook_that_names_no_stage_is_refused() -> None:
    need_core(M3)

    with pytest.raises(DeployError, match="the network's hook names a stage below 0"):
        emulate(naming(-1), M3, ZERO)


@pytest.mark.parametrize("core", CORE_CASES)
@pytest.mark.parametrize("depth", [0, 400])
def test_the_painted_stack_is_what_the_network_touches(core: Core, depth: int) -> None:
    need_core(core)
    lowest = f"sub sp, sp, #{depth}\nstr r0, [sp]\nadd sp, sp, #{depth}\n" if depth else ""

    run = emulate(assembled(lowest + GO_ON_IN_EMIT), core, ZERO)

    assert run.stack_bytes == depth


def test_a_local_array_is_on_the_stack() -> None:
    need_core(M3)
    body = (
        "    volatile int8_t local[SIZE];\n    for (int i = 0; i < SIZE; ++i) {\n        local[i] = row[0];\n    }\n"
        "    int8_t value = local[SIZE - 1];\n    emit(context, 0, &value);"
    )

    small, large = (emulate(one_row(body), M3, ZERO, ("-O2", f"-DSIZE={size}")).stack_bytes for size in (1000, 3000))

    assert 1000 < small <= 1064
    assert 2000 <= large - small <= 2008  # the stack stays aligned


def test_a_stack_that_runs_over_is_refused() -> None:
    need_core(M3)
    deep = "ldr r0, =65532\nmov r3, sp\nsubs r3, r3, r0\nsubs r3, r3, #4\nstr r0, [r3]\n" + GO_ON_IN_EMIT

    with pytest.raises(DeployError, match="stack exceeds 65536 bytes"):
        emulate(assembled(deep), M3, ZERO)


@pytest.mark.parametrize("core", CORE_CASES[:2])
def test_constants_and_code_are_those_of_the_network_alone(core: Core) -> None:
    need_core(core)
    table = "static const int8_t table[1234] = {1};"
    body = "    int8_t value = table[100 * (row[0] & 7)];\n    emit(context, 0, &value);"

    run = emulate(one_row(body, before=table), core, ZERO)
    bare = emulate(one_row("    emit(context, 0, row);"), core, ZERO)

    assert (run.constant_bytes, bare.constant_bytes) == (1234, 0)
    assert 0 < bare.code_bytes < run.code_bytes < 100
    assert run.variable_bytes == 0


def test_variables_beside_the_state_are_seen() -> None:
    need_core(M3)
    body = "    ++calls;\n    emit(context, 0, row);"

    assert emulate(one_row(body, before="static volatile int32_t calls;"), M3, ZERO).variable_bytes == 4


def test_code_for_armv6m_faults_on_a_misaligned_word_and_other_code_reads_it() -> None:
    need_core(M3)
    misaligned = assembled("ldr r0, [r1]\n" + GO_ON_IN_EMIT)

    assert emulate(misaligned, M3, ZERO).frame_instructions == (6,)
    with pytest.raises(DeployError, match="emulated cortex-m0plus failed: the core faulted: a misaligned"):
        emulate(misaligned, core_named("cortex-m0plus"), ZERO)


@pytest.mark.parametrize(
    "push_row",
    [
        pytest.param("bx lr", id="none"),
        pytest.param("push {r4, lr}\nmov r4, r2\nmovs r1, #1\nblx r4\npop {r4, pc}", id="beyond the last"),
        pytest.param("push {r4, lr}\nmov r4, r2\nldr r1, =-1\nblx r4\npop {r4, pc}", id="before the first"),
    ],
)
def test_rows_that_are_missing_or_wrong_are_refused(push_row: str) -> None:
    need_core(M3)

    with pytest.raises(DeployError, match="rows do not come once each and in order"):
        emulate(assembled(push_row), M3, ZERO)


def test_a_network_whose_init_relies_on_zeroed_memory_gives_other_bytes() -> None:
    need_core(M3)

    assert emulate(relying_on_zeroes(), M3, ZERO).outputs.item() != 0


def test_a_hanging_network_is_stopped() -> None:
    need_core(M3)

    with pytest.raises(DeployError, match="qemu-system-arm gave nothing for 1 s and was stopped"):
        emulate(assembled("b ."), M3, ZERO, timeout=1)


def test_a_failing_compile_names_its_reason() -> None:
    need_core(M3)

    with pytest.raises(DeployError, match=r"^arm-none-eabi-gcc failed: one\.c:\d+:\d+: error: .*missing"):
        emulate(one_row("    (void)row; missing(emit, context);"), M3, ZERO)


def with_a_table(size: int) -> HandWritten:
    return one_row("    emit(context, 0, &table[row[0] & 7]);", before=f"static const int8_t table[{size}] = {{1}};")


def with_a_state(size: int) -> HandWritten:
    plain = one_row(f"    state->more[{size} - 1] = row[0];\n    emit(context, 0, &state->more[{size} - 1]);")
    return HandWritten("one", plain.header.replace("int32_t row;", f"int32_t row; int8_t more[{size}];"), plain.source)


@pytest.mark.parametrize(
    ("network", "what"),
    [
        pytest.param(with_a_table(4_180_000), "code and constants", id="table"),
        pytest.param(with_a_state(16_750_000), "state and stack", id="state"),
        pytest.param(with_a_state(2_000_000_000), "state and stack", id="beyond_the_address_space"),
    ],
)
def test_a_network_that_does_not_fit_the_board_is_refused(network: HandWritten, what: str) -> None:
    need_core(M3)

    with pytest.raises(BoardTooSmallError, match=f"^the network's {what} do not fit the emulated mps2-an385") as caught:
        emulate(network, M3, ZERO)

    assert "/" not in str(caught.value)


@pytest.mark.parametrize("core", CORE_CASES)
def test_a_network_as_large_as_the_board_runs(core: Core) -> None:
    need_core(core)

    run = emulate(with_a_state(16_600_000), core, _rows(np.arange(3)))

    assert run.state_bytes == 16_600_008
    assert run.outputs.ravel().tolist() == [0, 1, 2]


def test_a_table_as_large_as_the_boards_flash_runs() -> None:
    need_core(M3)

    assert emulate(with_a_table(4_140_000), M3, ZERO).outputs.item() == 1


@pytest.mark.parametrize("name", ["stages", "frames", "null", "tick_ns", "image_height", "instructions_to", "input"])
def test_a_network_may_be_called_as_the_harness_calls_its_own(name: str) -> None:
    need_core(M3)
    images = random_images(1)

    np.testing.assert_array_equal(emulate(row_pairs(name), M3, images).outputs, row_pairs_of(images))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (ZERO.astype(np.float32), "images must be int8"),
        (ZERO[:0], "at least one image"),
        (np.zeros((1, 2, 2, 2), np.int8), "the_images_must_have_the_shape_of_the_input"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: npt.NDArray[np.int8], message: str) -> None:
    need_core(M3)

    with pytest.raises(DeployError, match=message):
        emulate(one_row("    emit(context, 0, row);"), M3, images)


@pytest.mark.parametrize(
    ("present", "missing"),
    [
        ([], "arm-none-eabi-gcc"),
        (["arm-none-eabi-gcc"], "arm-none-eabi-size"),
        (["arm-none-eabi-gcc", "arm-none-eabi-size"], "qemu-system-arm"),
    ],
)
def test_a_missing_tool_is_named(
    present: list[str], missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in present:
        (tmp_path / name).write_text("#!/bin/sh\necho 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert {unavailable(core) for core in CORES} == {f"not run: {missing} is not installed"}
    with pytest.raises(DeployError, match=f"^cortex-m3: not run: {missing} is not installed$"):
        emulate(row_pairs(), M3, random_images(1))


def test_an_unknown_core_is_told_the_known_ones() -> None:
    with pytest.raises(DeployError, match="unknown core 'cortex-m1'; known: cortex-m0plus, cortex-m3, cortex-m4"):
        core_named("cortex-m1")


def _rows(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    images = np.zeros((len(values), 1, 1, 2), np.int8)
    images[:, 0, 0, 0] = values
    return images
