// Self-test of ${name}: runs the test vector and compares every byte of the mask with what the reference kernels gave.
#include "${name}.h"
#include "${name}_test_vector.h"

static const unsigned long WAIT_MS = 5000;  // for a terminal on USB; without one the sketch goes on

static ${name}_state state;  // the only memory that the network needs
static long different = 0;
static int rows = 0;

static void take_row(void *, int row, const int8_t *values) {
  const long width = ${NAME}_OUTPUT_WIDTH * ${NAME}_OUTPUT_CHANNELS;
  for (long i = 0; i < width; ++i) {
    if (values[i] != ${name}_test_output[row * width + i]) ++different;
  }
  ++rows;
}

void setup() {
  Serial.begin(115200);
  const unsigned long begun = millis();
  while (!Serial && millis() - begun < WAIT_MS) {
    delay(10);
  }
  ${name}_init(&state);
  const unsigned long started = micros();
  for (long row = 0; row < ${NAME}_INPUT_HEIGHT; ++row) {
    const long width = ${NAME}_INPUT_WIDTH * ${NAME}_INPUT_CHANNELS;
    ${name}_push_row(&state, &${name}_test_input[row * width], take_row, nullptr);
  }
  const unsigned long took = micros() - started;
  Serial.print(different == 0 && rows == ${NAME}_OUTPUT_HEIGHT ? "equal: " : "DIFFERENT: ");
  Serial.print(different);
  Serial.print(" different bytes in ");
  Serial.print(rows);
  Serial.print(" of ");
  Serial.print(${NAME}_OUTPUT_HEIGHT);
  Serial.print(" rows, ");
  Serial.print(took);
  Serial.println(" microseconds per frame");
}

void loop() {}
