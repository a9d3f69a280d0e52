/*
 * Self-test of ${name}: runs the test vector row by row and compares every byte of the mask with what the reference
 * kernels gave. Compile it for your board, or here: cc -std=c99 -Isrc src/${name}.c test/self_test.c
 * Exit code 0: the bytes are equal.
 */
#include <stdio.h>

#include "${name}.h"
#include "${name}_test_vector.h"

static ${name}_state state; /* the only memory that the network needs */

typedef struct {
    long different;
    int rows;
} result;

/* Called with every finished row of the mask. */
static void take_row(void *context, int row, const int8_t *values)
{
    result *const found = context;
    const long width = ${NAME}_OUTPUT_WIDTH * ${NAME}_OUTPUT_CHANNELS;
    for (long i = 0; i < width; ++i) {
        if (values[i] != ${name}_test_output[row * width + i]) {
            ++found->different;
        }
    }
    ++found->rows;
}

int main(void)
{
    result found = {0, 0};
    ${name}_init(&state);
    for (long row = 0; row < ${NAME}_INPUT_HEIGHT; ++row) {
        const long width = ${NAME}_INPUT_WIDTH * ${NAME}_INPUT_CHANNELS;
        ${name}_push_row(&state, &${name}_test_input[row * width], take_row, &found);
    }
    (void)printf("${name}: %ld different bytes in %d of %d rows\n", found.different, found.rows, ${NAME}_OUTPUT_HEIGHT);
    return (found.different == 0 && found.rows == ${NAME}_OUTPUT_HEIGHT) ? 0 : 1;
}
