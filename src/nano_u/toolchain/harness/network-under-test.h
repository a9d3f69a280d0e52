/* The names of the network under test, written out: pasted together, some would be macros of the harness or of C. */
#include "${name}.h"

typedef ${name}_state state_under_test;

#define INIT_UNDER_TEST ${name}_init
#define PUSH_ROW_UNDER_TEST ${name}_push_row
#define RUN_UNDER_TEST ${name}_run

#define INPUT_HEIGHT ((int)${NAME}_INPUT_HEIGHT)
#define INPUT_WIDTH ((int)${NAME}_INPUT_WIDTH)
#define INPUT_CHANNELS ((int)${NAME}_INPUT_CHANNELS)
#define OUTPUT_HEIGHT ((int)${NAME}_OUTPUT_HEIGHT)
#define OUTPUT_WIDTH ((int)${NAME}_OUTPUT_WIDTH)
#define OUTPUT_CHANNELS ((int)${NAME}_OUTPUT_CHANNELS)
#define INPUT_ROW_BYTES ((size_t)INPUT_WIDTH * (size_t)INPUT_CHANNELS)
#define OUTPUT_ROW_BYTES ((size_t)OUTPUT_WIDTH * (size_t)OUTPUT_CHANNELS)
