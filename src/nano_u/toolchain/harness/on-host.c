/*
 * Runs a streaming network on the host. Standard input: int8 images, one after the other. The file named by the second
 * argument: six int32 (input height, width, channels, output height, width, channels), then the int8 outputs, image by
 * image. One state serves all images, as on the device. If the first argument is "frames", each image goes through the
 * whole-frame wrapper; if it is "rows", row by row.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network-under-test.h"

static FILE *output;

static void fail(const char *reason)
{
    (void)fprintf(stderr, "error: %s\n", reason);
    exit(EXIT_FAILURE);
}

/* The exact size, so that AddressSanitizer sees one byte too many, and an odd address: int8_t promises no alignment. */
static int8_t *odd_buffer(size_t bytes)
{
    int8_t *const block = malloc(bytes + 1U);
    if (block == NULL) {
        fail("out of memory");
        return NULL;
    }
    return block + 1;
}

static void free_odd_buffer(int8_t *buffer)
{
    free(buffer - 1);
}

static void write_bytes(const void *bytes, size_t count)
{
    if (fwrite(bytes, 1U, count, output) != count) {
        fail("cannot write the output");
    }
}

/* Whoever waits sees the file grow. */
static void end_image(void)
{
    if (fflush(output) != 0) {
        fail("cannot write the output");
    }
}

/* 1: the buffer is full; 0: the input ended before its first byte. */
static int read_bytes(int8_t *bytes, size_t count, int may_end)
{
    const size_t got = fread(bytes, 1U, count, stdin);
    if (got == 0U && may_end) {
        return 0;
    }
    if (got != count) {
        fail("the input ends inside an image");
    }
    return 1;
}

static void write_row(void *context, int row, const int8_t *values)
{
    int *const rows_written = context;
    if (row != *rows_written || row >= OUTPUT_HEIGHT) {
        fail("the network's rows do not come once each and in order");
    }
    write_bytes(values, OUTPUT_ROW_BYTES);
    ++*rows_written;
}

static void run_by_rows(state_under_test *state)
{
    int8_t *const row = odd_buffer(INPUT_ROW_BYTES);
    while (read_bytes(row, INPUT_ROW_BYTES, 1)) {
        int rows_written = 0;
        for (int y = 0; y < INPUT_HEIGHT; ++y) {
            if (y > 0) {
                (void)read_bytes(row, INPUT_ROW_BYTES, 0);
            }
            PUSH_ROW_UNDER_TEST(state, row, write_row, &rows_written);
        }
        if (rows_written != OUTPUT_HEIGHT) {
            fail("rows of the output are missing after the last row of an image");
        }
        end_image();
    }
    free_odd_buffer(row);
}

static void run_by_frames(state_under_test *state)
{
    const size_t image_bytes = (size_t)INPUT_HEIGHT * INPUT_ROW_BYTES;
    const size_t mask_bytes = (size_t)OUTPUT_HEIGHT * OUTPUT_ROW_BYTES;
    int8_t *const image = odd_buffer(image_bytes);
    int8_t *const mask = odd_buffer(mask_bytes);
    while (read_bytes(image, image_bytes, 1)) {
        RUN_UNDER_TEST(state, image, mask);
        write_bytes(mask, mask_bytes);
        end_image();
    }
    free_odd_buffer(image);
    free_odd_buffer(mask);
}

int main(int argc, char **argv)
{
    const int32_t shapes[6] = {INPUT_HEIGHT, INPUT_WIDTH, INPUT_CHANNELS, OUTPUT_HEIGHT, OUTPUT_WIDTH, OUTPUT_CHANNELS};
    state_under_test *const state = malloc(sizeof *state);
    if (state == NULL) {
        fail("out of memory");
        return EXIT_FAILURE;
    }
    output = (argc == 3) ? fopen(argv[2], "wb") : NULL;
    if (output == NULL) {
        fail("needs a way and a file to write");
        return EXIT_FAILURE;
    }
    write_bytes(shapes, sizeof shapes);
    (void)memset(state, 0xA5, sizeof *state); /* init must not count on zeroed memory */
    INIT_UNDER_TEST(state);
    if (strcmp(argv[1], "frames") == 0) {
        run_by_frames(state);
    } else {
        run_by_rows(state);
    }
    free(state);
    return fclose(output) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
