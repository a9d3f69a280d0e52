"""The C kernels: every function that generated files are composed of, and which of them a file needs.

`$prefix` and `$PREFIX` stand for the model's identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

KERNELS: Mapping[str, str] = {
    "shift_right": """
/* Rounds downwards: the assertions at the top of this file hold the compiler to it. */
static inline int32_t shift_right(int32_t value, int bits)
{
    return value >> bits;
}
""",
    "smaller": """
static inline int smaller(int one, int other)
{
    return (one < other) ? one : other;
}
""",
    "larger": """
static inline int larger(int one, int other)
{
    return (one > other) ? one : other;
}
""",
    "inside": """
/* A position along one axis, or -1 outside of it. */
static inline int inside(int position, int size)
{
    return ((position >= 0) && (position < size)) ? position : -1;
}
""",
    "inside_scaled": """
/* The pixel that is shown at a position of an axis resized to `size` pixels, or -1 outside of it. */
static inline int inside_scaled(int position, int size, int times, int plus, int by)
{
    return ((position >= 0) && (position < size)) ? (((position * times) + plus) / by) : -1;
}
""",
    "inside_listed": """
/* The pixel that is shown at a position of an axis, by a list of them, or -1 outside of it. */
static inline int inside_listed(int position, int size, const int16_t *pixels)
{
    return ((position >= 0) && (position < size)) ? (int)pixels[position] : -1;
}
""",
    "window_row": """
/* One row under a window: its first pixel and the bytes from pixel to pixel, 0 where all are padding. */
typedef struct {
    const int8_t *pixels;
    int step;
} window_row;
""",
    "ring_row": """
/* Row `row` of a tensor of which the ring holds the last `rows`; padding for row -1. */
static inline window_row ring_row(const int8_t *ring, int row, int rows, int row_bytes, int step, const int8_t *padding)
{
    window_row found;
    found.pixels = (row < 0) ? padding : &ring[(row % rows) * row_bytes];
    found.step = (row < 0) ? 0 : step;
    return found;
}
""",
    "pixel_at": """
static inline const int8_t *pixel_at(const window_row *row, int column, const int8_t *padding)
{
    return (column < 0) ? padding : &row->pixels[column * row->step];
}
""",
    "gather": """
/* Copies the pixels under a window one behind the other, `pixel_bytes` apart. */
static void gather(const window_row *rows, int row_count, const int *columns, int column_count, int channels,
                   const int8_t *padding, int8_t *patch, int pixel_bytes)
{
    int8_t *target = patch;
    for (int row = 0; row < row_count; ++row) {
        for (int column = 0; column < column_count; ++column) {
            memcpy(target, pixel_at(&rows[row], columns[column], padding), (size_t)channels);
            target = &target[pixel_bytes];
        }
    }
}
""",
    "filter_parameters": """
/* One filter: its bias with the input's zero point folded in, and the factor to the output's scale. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
} filter_parameters;
""",
    "output_range": """
typedef struct {
    int16_t zero_point;
    int8_t lowest;
    int8_t highest;
} output_range;
""",
    "layer_parameters": """
/* A convolution: `inputs` values are read for each of `outputs` values. */
typedef struct {
    const int8_t *weights;
    const filter_parameters *filters;
    int32_t inputs;
    int32_t outputs;
    output_range range;
} layer_parameters;
""",
    "clamped": """
static inline int8_t clamped(int32_t value, int32_t lowest, int32_t highest)
{
    const int32_t raised = (value < lowest) ? lowest : value;
    return (int8_t)((raised > highest) ? highest : raised);
}
""",
    "saturated_half": """
/* Half of the value, rounded downwards, as the nearest int8. */
static inline int8_t saturated_half(int32_t value)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(result) : "r"(value));
    return (int8_t)result;
#else
    const int32_t half = shift_right(value, 1);
    return (int8_t)((half == (int8_t)half) ? half : (shift_right(half, 31) ^ INT8_MAX));
#endif
}
""",
    "requantize": """
/* sum + bias times the filter's factor, rounded twice as TensorFlow Lite does: first the upper half of the doubled
   product, ties upwards, then the right shift, of which one bit remains here, ties away from zero. The sum is known to
   be below 2^30, and the output to use the whole range of int8. */
static inline int8_t requantize(int32_t sum, const filter_parameters *filter, output_range range)
{
    const int64_t product = (int64_t)(2 * (sum + filter->bias)) * filter->multiplier;
    const int32_t high = (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
    const int32_t halves = shift_right(high + shift_right(high, 31), filter->shift);
    return saturated_half(halves + ((2 * range.zero_point) + 1));
}
""",
    "scaled": """
/* `value` times a factor of any size, rounded twice as TensorFlow Lite does; left shifts wrap around. */
static int32_t scaled(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t raised = (int32_t)((uint32_t)value << ((shift > 0) ? shift : 0));
    const int64_t product = ((int64_t)raised * multiplier) + ((int64_t)1 << 30);
    const int32_t high = (int32_t)(product >> 31);
    if (shift >= 0) {
        return high;
    }
    return shift_right(shift_right(high + shift_right(high, 31), -shift - 1) + 1, 1);
}
""",
    "wrapped_sum": """
static inline int32_t wrapped_sum(int32_t one, int32_t other)
{
    return (int32_t)((uint32_t)one + (uint32_t)other);
}
""",
    "requantize_any": """
/* As requantize(), for sums, factors and ranges of any size: sums wrap around 32 bits. */
static int8_t requantize_any(int32_t sum, const filter_parameters *filter, output_range range)
{
    const int32_t steps = scaled(wrapped_sum(sum, filter->bias), filter->multiplier, filter->shift);
    return clamped(wrapped_sum(steps, range.zero_point), range.lowest, range.highest);
}
""",
    "word_at": """
#if defined($PREFIX_PACKED)
static inline uint32_t word_at(const int8_t *values)
{
    uint32_t word;
    memcpy(&word, values, sizeof word);
    return word;
}

/* Bytes 0 and 2 of a word as two halves. */
static inline int32_t even_bytes(uint32_t word)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t halves;
    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
#else
    return __sxtb16((int32_t)word);
#endif
}

/* Bytes 1 and 3; the rotation costs nothing inside of the instruction, which no intrinsic gives. */
static inline int32_t odd_bytes(uint32_t word)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t halves;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
#else
    return __sxtb16((int32_t)((word >> 8) | (word << 24)));
#endif
}
#endif
""",
    "dot_2": """
#if defined($PREFIX_PACKED)
/* sum + the products of both halves. */
static inline int32_t dot_2(int32_t one, int32_t other, int32_t sum)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(one), "r"(other), "r"(sum));
    return result;
#else
    return __smlad(one, other, sum);
#endif
}
#endif
""",
    "dot_4": """
#if defined($PREFIX_PACKED)
/* sum + four products; the inputs are given as their even and odd bytes. */
static inline int32_t dot_4(int32_t even, int32_t odd, const int8_t *weights, int32_t sum)
{
    const uint32_t word = word_at(weights);
    return dot_2(odd, odd_bytes(word), dot_2(even, even_bytes(word), sum));
}
#endif
""",
    "pointwise": """
/* 1x1 convolution of one pixel, or of a gathered window: four filters at a time read each input once. */
static void pointwise@ANY@(const layer_parameters *layer, const int8_t *inputs, int8_t *outputs)
{
    const output_range range = layer->range;
    const int count = layer->inputs;
    const int filters = layer->outputs;
    const filter_parameters *parameters = layer->filters;
    const int8_t *weights = layer->weights;
    int filter = 0;
    for (; filter < (filters & ~3); filter += 4) {
        int32_t sum_0 = 0;
        int32_t sum_1 = 0;
        int32_t sum_2 = 0;
        int32_t sum_3 = 0;
        int input = 0;
        for (; input < (count & ~3); input += 4) {
#if defined($PREFIX_PACKED)
            const uint32_t values = word_at(&inputs[input]);
            const int32_t even = even_bytes(values);
            const int32_t odd = odd_bytes(values);
            sum_0 = dot_4(even, odd, &weights[0], sum_0);
            sum_1 = dot_4(even, odd, &weights[4], sum_1);
            sum_2 = dot_4(even, odd, &weights[8], sum_2);
            sum_3 = dot_4(even, odd, &weights[12], sum_3);
#else
            const int32_t a = inputs[input];
            const int32_t b = inputs[input + 1];
            const int32_t c = inputs[input + 2];
            const int32_t d = inputs[input + 3];
            sum_0 += (a * weights[0]) + (b * weights[1]) + (c * weights[2]) + (d * weights[3]);
            sum_1 += (a * weights[4]) + (b * weights[5]) + (c * weights[6]) + (d * weights[7]);
            sum_2 += (a * weights[8]) + (b * weights[9]) + (c * weights[10]) + (d * weights[11]);
            sum_3 += (a * weights[12]) + (b * weights[13]) + (c * weights[14]) + (d * weights[15]);
#endif
            weights = &weights[16];
        }
        for (; input < count; ++input) {
            const int32_t value = inputs[input];
            sum_0 += value * weights[0];
            sum_1 += value * weights[1];
            sum_2 += value * weights[2];
            sum_3 += value * weights[3];
            weights = &weights[4];
        }
        outputs[filter] = requantize@ANY@(sum_0, &parameters[filter], range);
        outputs[filter + 1] = requantize@ANY@(sum_1, &parameters[filter + 1], range);
        outputs[filter + 2] = requantize@ANY@(sum_2, &parameters[filter + 2], range);
        outputs[filter + 3] = requantize@ANY@(sum_3, &parameters[filter + 3], range);
    }
    for (; filter < filters; ++filter) {
        int32_t sum = 0;
        int input = 0;
        for (; input < (count & ~3); input += 4) {
#if defined($PREFIX_PACKED)
            const uint32_t values = word_at(&inputs[input]);
            sum = dot_4(even_bytes(values), odd_bytes(values), &weights[input], sum);
#else
            sum += (inputs[input] * weights[input]) + (inputs[input + 1] * weights[input + 1]) +
                   (inputs[input + 2] * weights[input + 2]) + (inputs[input + 3] * weights[input + 3]);
#endif
        }
        for (; input < count; ++input) {
            sum += inputs[input] * weights[input];
        }
        weights = &weights[count];
        outputs[filter] = requantize@ANY@(sum, &parameters[filter], range);
    }
}
""",
    "nine_taps": """
/* One channel of nine pixels, in three rows of three, times weights that are `width` apart. */
static inline int32_t nine_taps(const int8_t *top, const int8_t *middle, const int8_t *bottom, int second, int third,
                                const int8_t *weights, int width)
{
    return (top[0] * weights[0]) + (top[second] * weights[width]) + (top[third] * weights[2 * width]) +
           (middle[0] * weights[3 * width]) + (middle[second] * weights[4 * width]) +
           (middle[third] * weights[5 * width]) + (bottom[0] * weights[6 * width]) +
           (bottom[second] * weights[7 * width]) + (bottom[third] * weights[8 * width]);
}
""",
    "dot_low": """
#if defined($PREFIX_PACKED)
/* sum + the product of the low halves, and of the high ones. */
static inline int32_t dot_low(int32_t one, int32_t other, int32_t sum)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(one), "r"(other), "r"(sum));
    return result;
#else
    return __smlabb(one, other, sum);
#endif
}

static inline int32_t dot_high(int32_t one, int32_t other, int32_t sum)
{
#if defined($PREFIX_ASSEMBLY)
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(one), "r"(other), "r"(sum));
    return result;
#else
    return __smlatt(one, other, sum);
#endif
}
#endif
""",
    "tap_4": """
#if defined($PREFIX_PACKED)
/* Adds four channels of one pixel times their weights; `sums` hold them in the order 0, 2, 1, 3. */
static inline void tap_4(const int8_t *pixel, const int8_t *weights, int32_t sums[4])
{
    const uint32_t values = word_at(pixel);
    const uint32_t word = word_at(weights);
    const int32_t even = even_bytes(values);
    const int32_t odd = odd_bytes(values);
    const int32_t even_weights = even_bytes(word);
    const int32_t odd_weights = odd_bytes(word);
    sums[0] = dot_low(even, even_weights, sums[0]);
    sums[1] = dot_high(even, even_weights, sums[1]);
    sums[2] = dot_low(odd, odd_weights, sums[2]);
    sums[3] = dot_high(odd, odd_weights, sums[3]);
}
#endif
""",
    "depthwise_3x3_within": """
/* `channels` channels of one output pixel: rows of three pixels, the second and third so many bytes further on. */
static void depthwise_3x3_within@ANY@(const int8_t *weights, const filter_parameters *filters, output_range range,
                                 const int8_t *top, const int8_t *middle, const int8_t *bottom, int second, int third,
                                 int channels, int8_t *outputs)
{
    int channel = 0;
    for (; channel < (channels & ~3); channel += 4) {
#if defined($PREFIX_PACKED)
        const int8_t *const rows[3] = {&top[channel], &middle[channel], &bottom[channel]};
        int32_t sums[4] = {0, 0, 0, 0};
        for (int row = 0; row < 3; ++row) {
            tap_4(&rows[row][0], &weights[12 * row], sums);
            tap_4(&rows[row][second], &weights[(12 * row) + 4], sums);
            tap_4(&rows[row][third], &weights[(12 * row) + 8], sums);
        }
        outputs[channel] = requantize@ANY@(sums[0], &filters[channel], range);
        outputs[channel + 1] = requantize@ANY@(sums[2], &filters[channel + 1], range);
        outputs[channel + 2] = requantize@ANY@(sums[1], &filters[channel + 2], range);
        outputs[channel + 3] = requantize@ANY@(sums[3], &filters[channel + 3], range);
#else
        for (int i = channel; i < channel + 4; ++i) {
            const int32_t sum = nine_taps(&top[i], &middle[i], &bottom[i], second, third, &weights[i - channel], 4);
            outputs[i] = requantize@ANY@(sum, &filters[i], range);
        }
#endif
        weights = &weights[36];
    }
    for (int i = channel; i < channels; ++i) {
        const int8_t *first = &weights[i - channel];
        const int32_t sum = nine_taps(&top[i], &middle[i], &bottom[i], second, third, first, channels & 3);
        outputs[i] = requantize@ANY@(sum, &filters[i], range);
    }
}
""",
    "EDGE_CHANNELS": """
/* Channels of a window that are copied at once where it reaches over the side of a tensor; a multiple of four. */
enum { EDGE_CHANNELS = 16 };
""",
    "depthwise_3x3": """
/* 3x3 depthwise convolution of one output pixel; columns of -1 are padding. */
static void depthwise_3x3@ANY@(const layer_parameters *layer, const window_row *rows, const int *columns,
                          const int8_t *padding, int8_t *outputs)
{
    const int channels = layer->outputs;
    if ((columns[0] >= 0) && (columns[1] >= 0) && (columns[2] >= 0)) {
        const int second = (columns[1] - columns[0]) * channels;
        const int third = (columns[2] - columns[0]) * channels;
        depthwise_3x3_within@ANY@(layer->weights, layer->filters, layer->range,
                             &rows[0].pixels[columns[0] * rows[0].step], &rows[1].pixels[columns[0] * rows[1].step],
                             &rows[2].pixels[columns[0] * rows[2].step], second, third, channels, outputs);
        return;
    }
    for (int first = 0; first < channels; first += EDGE_CHANNELS) {
        int8_t patch[9 * EDGE_CHANNELS];
        const int count = smaller(channels - first, EDGE_CHANNELS);
        for (int i = 0; i < 9; ++i) {
            const int column = columns[i % 3];
            const window_row *row = &rows[i / 3];
            const int8_t *pixel = (column < 0) ? padding : &row->pixels[(column * row->step) + first];
            memcpy(&patch[i * count], pixel, (size_t)count);
        }
        depthwise_3x3_within@ANY@(&layer->weights[9 * first], &layer->filters[first], layer->range, patch,
                             &patch[3 * count], &patch[6 * count], count, 2 * count, count, &outputs[first]);
    }
}
""",
    "depthwise": """
/* Depthwise convolution of a gathered window of `taps` pixels, each channel with the same number of filters. */
static void depthwise@ANY@(const layer_parameters *layer, const int8_t *patch, int taps, int8_t *outputs)
{
    const int multiplier = layer->outputs / layer->inputs;
    for (int filter = 0; filter < layer->outputs; ++filter) {
        const int8_t *pixel = &patch[filter / multiplier];
        const int8_t *weights = &layer->weights[filter];
        int32_t sum = 0;
        for (int tap = 0; tap < taps; ++tap) {
            sum += pixel[tap * layer->inputs] * weights[tap * layer->outputs];
        }
        outputs[filter] = requantize@ANY@(sum, &layer->filters[filter], layer->range);
    }
}
""",
    "look_up": """
/* Replaces each value by its entry in a table that starts at -128. */
static void look_up(const int8_t *table, const int8_t *inputs, int count, int8_t *outputs)
{
    for (int i = 0; i < count; ++i) {
        outputs[i] = table[inputs[i] + 128];
    }
}
""",
    "max_pool": """
/* Largest values under a window, which holds no margins. */
static void max_pool(const window_row *rows, int row_count, const int *columns, int column_count, int channels,
                     const int8_t *padding, int lowest, int highest, int8_t *outputs)
{
    for (int channel = 0; channel < channels; ++channel) {
        int largest = lowest;
        for (int row = 0; row < row_count; ++row) {
            for (int column = 0; column < column_count; ++column) {
                largest = larger(largest, pixel_at(&rows[row], columns[column], padding)[channel]);
            }
        }
        outputs[channel] = (int8_t)smaller(largest, highest);
    }
}
""",
    "average_pool": """
/* Means of the stored values under a window, which holds no margins, rounded half away from zero. */
static void average_pool(const window_row *rows, int row_count, const int *columns, int column_count, int channels,
                         const int8_t *padding, int lowest, int highest, int8_t *outputs)
{
    const int32_t count = row_count * column_count;
    for (int channel = 0; channel < channels; ++channel) {
        int32_t sum = 0;
        for (int row = 0; row < row_count; ++row) {
            for (int column = 0; column < column_count; ++column) {
                sum += pixel_at(&rows[row], columns[column], padding)[channel];
            }
        }
        sum += (sum < 0) ? -(count / 2) : (count / 2);
        outputs[channel] = clamped(sum / count, lowest, highest);
    }
}
""",
    "keep_largest": """
/* Max-pool as pixels come: `outputs` keep the largest values so far. */
static inline void keep_largest(const int8_t *values, int count, int highest, int8_t *outputs)
{
    for (int i = 0; i < count; ++i) {
        const int value = smaller(values[i], highest);
        if (value > outputs[i]) {
            outputs[i] = (int8_t)value;
        }
    }
}
""",
    "addition_parameters": """
/* Zero points, factors of both inputs and then of the sum, and the range of the output. */
typedef struct {
    int32_t multipliers[3];
    int32_t shifts[3];
    int16_t zero_points[3];
    int8_t lowest;
    int8_t highest;
} addition_parameters;
""",
    "add": """
/* Sum of two tensors of different scales, at a common finer scale. */
static void add(const addition_parameters *parameters, const int8_t *first, const int8_t *second, int count,
                int8_t *outputs)
{
    for (int i = 0; i < count; ++i) {
        const int32_t one = (first[i] - parameters->zero_points[0]) * (1 << 20);
        const int32_t other = (second[i] - parameters->zero_points[1]) * (1 << 20);
        const int32_t sum = scaled(one, parameters->multipliers[0], parameters->shifts[0]) +
                            scaled(other, parameters->multipliers[1], parameters->shifts[1]);
        const int32_t steps = scaled(sum, parameters->multipliers[2], parameters->shifts[2]);
        outputs[i] = clamped(steps + parameters->zero_points[2], parameters->lowest, parameters->highest);
    }
}
""",
    "neighbours": """
/* Two positions along one axis and the weight of the second in 1/1024. */
typedef struct {
    int16_t lower;
    int16_t upper;
    int16_t weight;
} neighbours;
""",
    "bilinear": """
/* Mean of four pixels, rounded half away from zero. */
static void bilinear(const window_row *rows, const neighbours *between_rows, const neighbours *between_columns,
                     int channels, const int8_t *padding, int8_t *outputs)
{
    const int8_t *upper_left = pixel_at(&rows[0], between_columns->lower, padding);
    const int8_t *upper_right = pixel_at(&rows[0], between_columns->upper, padding);
    const int8_t *lower_left = pixel_at(&rows[1], between_columns->lower, padding);
    const int8_t *lower_right = pixel_at(&rows[1], between_columns->upper, padding);
    const int32_t down = between_rows->weight;
    const int32_t right = between_columns->weight;
    for (int i = 0; i < channels; ++i) {
        const int32_t left_mean = (upper_left[i] * (1024 - down)) + (lower_left[i] * down);
        const int32_t right_mean = (upper_right[i] * (1024 - down)) + (lower_right[i] * down);
        const int32_t mean = (left_mean * (1024 - right)) + (right_mean * right);
        outputs[i] = (int8_t)((mean + ((mean < 0) ? -(1 << 19) : (1 << 19))) / (1 << 20));
    }
}
""",
}

TWO_FORMS = ("pointwise", "depthwise_3x3_within", "depthwise_3x3", "depthwise")
"""Kernels that end in requantize(), and in a second form, named `_any`, in requantize_any()."""


def kernels_used_by(code: str) -> str:
    """The kernels that `code` calls, and those that they call, in an order that C accepts."""
    known = _all_forms()
    wanted = _named_in(code) & known.keys()
    waiting = list(wanted)
    while waiting:
        found = (_named_in(known[waiting.pop()]) & known.keys()) - wanted
        wanted |= found
        waiting.extend(found)
    return "".join(text for name, text in known.items() if name in wanted)


def _all_forms() -> dict[str, str]:
    forms: dict[str, str] = {}
    for name, text in KERNELS.items():
        forms[name] = text.replace("@ANY@", "")
        if name in TWO_FORMS:
            forms[f"{name}_any"] = text.replace("@ANY@", "_any")
    return forms


def _named_in(code: str) -> set[str]:
    without_comments = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", without_comments))
