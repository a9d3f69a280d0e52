/*
 * Bare-metal firmware around a streaming network, for an emulated board with semihosting. It reads int8 images from
 * images.bin and writes the outputs to outputs.bin and what it measured to report.bin: little-endian uint32
 * (input height, width, channels, output height, width, channels, sizeof state, painted stack, instructions of init),
 * then uint64 instructions of each stage, then uint64 instructions of each frame.
 */
#include <stddef.h>
#include <stdint.h>

#include "network-under-test.h"

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_READ = 1, OPEN_WRITE = 5 };
enum { APPLICATION_EXIT = 0x20026 };
enum { DONE = 0, FILE_FAILED = 2, FAULTED = 3, ROWS_OUT_OF_ORDER = 4, STACK_EXHAUSTED = 5, STAGE_UNKNOWN = 6, UNCOUNTABLE = 7, TOO_MANY_STAGES = 8 };

/* Instructions of crossings.S between its two readings of the timer that are not the network's. */
enum { ENTERING = 2, RETURNING = 1, LEAVING = 2 };

enum { PAINT = 0x5AC3E17B, NO_STAGE = STAGES - 1 };

typedef char the_images_must_have_the_shape_of_the_input
    [(INPUT_HEIGHT == IMAGE_HEIGHT && INPUT_WIDTH == IMAGE_WIDTH && INPUT_CHANNELS == IMAGE_CHANNELS) ? 1 : -1];
typedef void (*entry_point)(void);

extern uint32_t semihosting(uint32_t operation, const void *block);
extern void measured_call(entry_point function, state_under_test *state, const int8_t *row);
extern uint32_t segment_start;
extern uint32_t model_stack[];
extern uint32_t model_stack_top[];

void board_main(void);
void board_fault(void);
void returned(uint32_t stop);
void receive_row(int row, const int8_t *values, uint32_t stop);
void begin_stage(int stage, uint32_t unused, uint32_t stop);

static state_under_test state;
static int8_t input_row[INPUT_ROW_BYTES + 1U] __attribute__((aligned(4)));
static uint64_t stage_instructions[STAGES];
static uint64_t instructions;
static int current_stage;
static int rows_received;
static uint32_t outputs;

static void leave(uint32_t code)
{
    const uint32_t block[2] = {APPLICATION_EXIT, code};
    (void)semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, length};
    const uint32_t handle = semihosting(SYS_OPEN, block);
    if (handle == UINT32_MAX) {
        leave(FILE_FAILED);
    }
    return handle;
}

static void write_file(uint32_t handle, const void *bytes, size_t count)
{
    const uint32_t block[3] = {handle, (uint32_t)(uintptr_t)bytes, (uint32_t)count};
    if (semihosting(SYS_WRITE, block) != 0U) {
        leave(FILE_FAILED);
    }
}

/* 1: the row is there; 0: the file has ended. */
static int read_row(uint32_t handle, int8_t *row)
{
    const uint32_t block[3] = {handle, (uint32_t)(uintptr_t)row, (uint32_t)INPUT_ROW_BYTES};
    const uint32_t missing = semihosting(SYS_READ, block);
    if (missing != 0U && missing != INPUT_ROW_BYTES) {
        leave(FILE_FAILED);
    }
    return missing == 0U;
}

/* Virtual time goes on by INSTRUCTION_NS per instruction: several ticks each, so rounding gives the exact number. */
static void account(uint32_t stop, uint32_t of_the_harness)
{
    const uint32_t passed_zero = *(volatile uint32_t *)(BOARD_TIMER + 0x0CU);
    const uint32_t ticks = segment_start - stop; /* the timer counts down */
    const uint64_t nanoseconds = (uint64_t)ticks * TICK_NS;
    const uint64_t executed = (nanoseconds + INSTRUCTION_NS / 2U) / INSTRUCTION_NS - of_the_harness;
    if (passed_zero != 0U) {
        leave(UNCOUNTABLE);
    }
    instructions += executed;
    stage_instructions[current_stage] += executed;
}

void returned(uint32_t stop)
{
    account(stop, ENTERING + RETURNING);
}

void receive_row(int row, const int8_t *values, uint32_t stop)
{
    account(stop, ENTERING + LEAVING);
    if (row != rows_received || row >= OUTPUT_HEIGHT) {
        leave(ROWS_OUT_OF_ORDER);
    }
    write_file(outputs, values, OUTPUT_ROW_BYTES);
    ++rows_received;
}

void begin_stage(int stage, uint32_t unused, uint32_t stop)
{
    (void)unused;
    account(stop, ENTERING + LEAVING);
    if (stage < 0) {
        leave(STAGE_UNKNOWN);
    }
    if (stage >= NO_STAGE) {
        leave(TOO_MANY_STAGES);
    }
    current_stage = stage;
}

void board_fault(void)
{
    leave(FAULTED);
}

static void measure(entry_point function, const int8_t *row)
{
    current_stage = NO_STAGE;
    measured_call(function, &state, row);
}

static void paint_stack(void)
{
    for (uint32_t *word = model_stack; word < model_stack_top; ++word) {
        *word = PAINT;
    }
}

static uint32_t painted_over(void)
{
    const uint32_t *word = model_stack;
    while (word < model_stack_top && *word == (uint32_t)PAINT) {
        ++word;
    }
    if (word == model_stack) {
        leave(STACK_EXHAUSTED);
    }
    return (uint32_t)((uintptr_t)model_stack_top - (uintptr_t)word);
}

/* ARMv6-M faults where its stand-in, the Cortex-M3, would read a misaligned word. */
static void trap_what_the_core_cannot(void)
{
#if defined(__ARM_ARCH_6M__)
    *(volatile uint32_t *)0xE000ED14U |= 1U << 3;
#endif
}

static void write_report(uint32_t report, uint64_t instructions_to_begin)
{
    const uint32_t numbers[9] = {
        (uint32_t)INPUT_HEIGHT,  (uint32_t)INPUT_WIDTH,  (uint32_t)INPUT_CHANNELS,
        (uint32_t)OUTPUT_HEIGHT, (uint32_t)OUTPUT_WIDTH, (uint32_t)OUTPUT_CHANNELS,
        (uint32_t)sizeof state,  painted_over(),         (uint32_t)instructions_to_begin};
    write_file(report, numbers, sizeof numbers);
    write_file(report, stage_instructions, sizeof stage_instructions);
}

void board_main(void)
{
    static uint64_t instructions_of_frame[FRAMES];
    const uint32_t images = open_file("images.bin", 10U, OPEN_READ);
    const uint32_t report = open_file("report.bin", 10U, OPEN_WRITE);
    int8_t *const row = input_row + 1; /* an odd address: int8_t promises no alignment */
    uint64_t instructions_to_begin;
    outputs = open_file("outputs.bin", 11U, OPEN_WRITE);

    trap_what_the_core_cannot();
    paint_stack();
    for (size_t index = 0U; index < sizeof state; ++index) {
        ((uint8_t *)&state)[index] = 0xA5U; /* init must not count on zeroed memory */
    }
    measure((entry_point)INIT_UNDER_TEST, NULL);
    instructions_to_begin = instructions;
    stage_instructions[NO_STAGE] = 0U;

    for (int frame = 0; frame < FRAMES; ++frame) {
        instructions = 0U;
        rows_received = 0;
        for (int y = 0; y < INPUT_HEIGHT; ++y) {
            if (!read_row(images, row)) {
                leave(FILE_FAILED);
            }
            measure((entry_point)PUSH_ROW_UNDER_TEST, row);
        }
        if (rows_received != OUTPUT_HEIGHT) {
            leave(ROWS_OUT_OF_ORDER);
        }
        instructions_of_frame[frame] = instructions;
    }
    write_report(report, instructions_to_begin);
    write_file(report, instructions_of_frame, sizeof instructions_of_frame);
    (void)semihosting(SYS_CLOSE, &report);
    (void)semihosting(SYS_CLOSE, &outputs);
    leave(DONE);
}
