"""C of one stage: a function that computes one row, and the constants that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nano_u.codegen.axis import NOWHERE, neighbours, window_start, windows
from nano_u.codegen.constants import Constants
from nano_u.codegen.identifiers import comment_text, part_of
from nano_u.codegen.index_text import linear, pixel_index
from nano_u.codegen.layout import Layout
from nano_u.codegen.lookup import lookup_table
from nano_u.codegen.requantization import requantization_of
from nano_u.codegen.stage import LOOKED_UP, WINDOWED, Stage
from nano_u.codegen.view import Part, View
from nano_u.codegen.weight_order import depthwise_order, pointwise_order
from nano_u.quantization import (
    QuantizedOp,
    QuantizedTensor,
    activation_range,
    addition_factors,
    quantize_multiplier,
)

LISTED_COLUMNS = 8
"""Columns of a window that are written out; more are a loop."""


@dataclass(frozen=True)
class StageCode:
    """One C function."""

    name: str
    text: str


def stage_code(layout: Layout, stage: Stage, constants: Constants) -> StageCode:
    """The stage's C; what it reads is added to `constants`."""
    return _Writer(layout, stage, constants).write()


@dataclass(frozen=True)
class _Step:
    """An operator and the tables behind it, which work in place on its result."""

    op: QuantizedOp | None
    tables: tuple[QuantizedOp, ...]
    result: QuantizedTensor


class _Writer:
    def __init__(self, layout: Layout, stage: Stage, constants: Constants) -> None:
        self.layout, self.stage, self.constants = layout, stage, constants
        self.tensors = layout.graph.by_name
        self.id = layout.identifiers[stage.output]
        self.is_last = stage is layout.stages[-1]
        self.before_columns: list[str] = []

    def write(self) -> StageCode:
        inner = "".join(f"        {line}\n" for line in self.column_lines())
        outer = "".join(f"    {line}\n" for line in [*self.output_lines(), *self.before_columns])
        end = "".join(f"    {line}\n" for line in self.end_lines())
        more = ", $prefix_row_fn emit, void *context" if self.is_last else ""
        name = f"stage_{self.id}"
        text = (
            f"{self.comment()}static void {name}($prefix_state *s{more})\n{{\n"
            f"    const int row = s->rows_{self.id};\n{outer}"
            f"    for (int column = 0; column < {self.stage.columns}; ++column) {{\n{inner}    }}\n{end}}}\n"
        )
        return StageCode(name, text)

    def comment(self) -> str:
        """Layers with their shapes, one to a line."""
        lines = []
        for op in self.stage.ops:
            height, width, channels = self.tensors[op.output].shape
            size = f" {op.window[0]}x{op.window[1]}" if op.kind in WINDOWED else ""
            stride = f" stride {op.strides[0]}x{op.strides[1]}" if op.strides != (1, 1) else ""
            lines.append(f"{comment_text(op.output)}: {op.kind}{size}{stride} -> {height}x{width}x{channels}")
        if not lines:
            height, width, channels = self.stage.shape
            lines.append(f"{comment_text(self.stage.output)}: copied -> {height}x{width}x{channels}")
        return "/* " + "\n   ".join(lines) + " */\n"

    # The row that is written, before and after.

    def output_lines(self) -> Iterator[str]:
        times = self.stage.rows_per_output
        row = "row" if times == 1 else f"(row / {times})"
        if self.is_last:
            yield "int8_t *const output = s->output_row;"
        else:
            rows = self.layout.ring_rows[self.stage.output]
            yield f"int8_t *const output = s->ring_{self.id}[{row} % {rows}];"
        pool = self.stage.pool
        if pool is None:
            return
        _, width, channels = self.stage.shape
        lowest, _ = activation_range(pool.activation, self.tensors[pool.output])
        fill = f"memset(output, {lowest}, {width * channels});"
        if times == 1:
            yield fill
        else:
            yield from (f"if ((row % {times}) == 0) {{", f"    {fill}", "}")

    def end_lines(self) -> Iterator[str]:
        yield f"s->rows_{self.id} = (uint16_t)(row + 1);"
        if not self.is_last:
            return
        times = self.stage.rows_per_output
        if times == 1:
            yield "emit(context, row, output);"
        else:
            yield from (f"if ((row % {times}) == {times - 1}) {{", f"    emit(context, row / {times}, output);", "}")

    # One pixel.

    def column_lines(self) -> list[str]:
        steps = self.steps()
        lines: list[str] = []
        values = ""
        for number, step in enumerate(steps):
            is_end = number == len(steps) - 1
            channels = step.result.shape[2]
            target = f"values_{self.layout.identifiers[step.result.name]}"
            if is_end and self.stage.pool is None:
                target = self.output_pixel("column")
            else:
                lines.append(f"int8_t {target}[{channels}];")
            lines += self.head_lines(target) if number == 0 else self.pointwise_lines(step.op, values, target)
            for op in step.tables:
                lines.append(self.look_up(op, target, target))
            values = target
        if self.stage.pool is not None:
            lines.append(self.pool_line(self.stage.pool, values))
        return lines

    def steps(self) -> list[_Step]:
        """Head and followers, tables joined to what they work on."""
        groups: list[tuple[QuantizedOp | None, list[QuantizedOp]]] = [(self.stage.head, [])]
        for op in self.stage.followers:
            if op.kind in LOOKED_UP:
                groups[-1][1].append(op)
            else:
                groups.append((op, []))
        results = [tables[-1].output if tables else op.output if op else self.stage.output for op, tables in groups]
        return [
            _Step(op, tuple(tables), self.tensors[result]) for (op, tables), result in zip(groups, results, strict=True)
        ]

    def output_pixel(self, column: str) -> str:
        channels = self.stage.shape[2]
        return f"&output[{column}]" if channels == 1 else f"&output[{column} * {channels}]"

    def pool_line(self, pool: QuantizedOp, values: str) -> str:
        times, channels = pool.window[1], self.stage.shape[2]
        _, highest = activation_range(pool.activation, self.tensors[pool.output])
        column = "column" if times == 1 else f"(column / {times})"
        return f"keep_largest({values}, {channels}, {highest}, {self.output_pixel(column)});"

    def look_up(self, op: QuantizedOp, values: str, target: str) -> str:
        source = self.tensors[op.inputs[0]]
        table = lookup_table(op, source, self.tensors[op.output])
        name = self.constants.lookup(self.layout.identifiers[op.output], table)
        return f"look_up({name}, {values}, {source.shape[2]}, {target});"

    def pointwise_lines(self, op: QuantizedOp | None, values: str, target: str) -> list[str]:
        assert op is not None
        kernel = op.kernel.kernel.reshape(op.kernel.filters, -1)
        return [self.call_convolution(op, "pointwise", pointwise_order(kernel), kernel.shape[1], f"{values}, {target}")]

    def call_convolution(
        self,
        op: QuantizedOp,
        kernel: str,
        weights: npt.NDArray[np.int8],
        inputs: int,
        arguments: str,
        part: Part | None = None,
    ) -> str:
        requantization = requantization_of(op, self.tensors[op.inputs[0]], self.tensors[op.output])
        name = self.layout.identifiers[op.output]
        channels = None
        if part is not None:
            name = part_of(name, f"from_{part.first_channel}") if part.first_channel else name
            channels = slice(part.first_channel, part.first_channel + part.channels)
        record = self.constants.convolution(name, weights, inputs, requantization, channels)
        return f"{kernel}{'' if requantization.is_common else '_any'}(&{record}, {arguments});"

    # The head.

    def head_lines(self, target: str) -> list[str]:
        head = self.stage.head
        if head is None:
            return self.gathered(target)
        if head.kind in LOOKED_UP:
            values, lines = self.pixels()
            return [*lines, self.look_up(head, values, target)]
        if head.kind == "ADD":
            return self.addition(head, target)
        if head.kind == "CONV_2D":
            values, lines = self.pixels()
            return [*lines, *self.pointwise_lines(head, values, target)]
        if head.kind == "DEPTHWISE_CONV_2D":
            return self.depthwise(head, target)
        if head.kind == "RESIZE_BILINEAR":
            return self.bilinear(head, target)
        return self.pool(head, target)

    def addition(self, op: QuantizedOp, target: str) -> list[str]:
        first, lines = self.pixels(0)
        second, more = self.pixels(1)
        sources, result = [self.tensors[name] for name in op.inputs], self.tensors[op.output]
        factors = addition_factors(sources, result)
        parts = [quantize_multiplier(factor) for factor in (*factors.inputs, factors.output)]
        triples = (
            [int(part.mantissa) for part in parts],
            [int(part.shift) for part in parts],
            [*(source.zero_point for source in sources), result.zero_point],
        )
        texts = [f"{{{', '.join(map(str, triple))}}}" for triple in triples]
        texts += map(str, activation_range(op.activation, result))
        name = f"sum_{self.layout.identifiers[op.output]}"
        self.constants.record(name, "addition_parameters", f"{{{', '.join(texts)}}}", 32)
        return [*lines, *more, f"add(&{name}, {first}, {second}, {result.shape[2]}, {target});"]

    def depthwise(self, op: QuantizedOp, target: str) -> list[str]:
        source, kernel = self.stage.sources[0], op.kernel.kernel[0]
        weights = kernel.reshape(-1, op.kernel.filters)
        if op.window != (3, 3) or op.kernel.filters != source.channels:
            values, lines = self.pixels()
            arguments = f"{values}, {len(weights)}, {target}"
            return [*lines, self.call_convolution(op, "depthwise", weights, source.channels, arguments)]
        lines = []
        for number, part in enumerate(source.parts):
            padding = self.padding(source, part, self.spread(part))
            rows, columns = self.window(0, number, padding, lines)
            chosen = depthwise_order(weights[:, part.first_channel : part.first_channel + part.channels])
            result = target if part.first_channel == 0 else _further(target, part.first_channel)
            arguments = f"{rows}, {columns}, {padding}, {result}"
            lines.append(self.call_convolution(op, "depthwise_3x3", chosen, 9, arguments, part))
        return lines

    def spread(self, part: Part) -> int:
        """Pixels from the first to the last column under a window that lies inside."""
        head = self.stage.head
        assert head is not None
        widest = 1
        for under in windows(head, 1, len(part.columns), self.stage.columns):
            columns = [part.columns[position] for position in under if position != NOWHERE]
            if columns and min(columns) != NOWHERE:
                widest = max(widest, columns[-1] - columns[0] + 1)
        return widest

    def bilinear(self, op: QuantizedOp, target: str) -> list[str]:
        source = self.stage.sources[0]
        lines: list[str] = []
        for number, part in enumerate(source.parts):
            name = self.name_of_part(0, number)
            padding = self.padding(source, part, 1)
            down = neighbours(op, source.height, self.stage.rows)
            right = neighbours(op, source.width, self.stage.columns)
            tables = [
                self.constants.records(
                    f"{axis}_{self.id_of_part(0, number)}",
                    "neighbours",
                    [(shown[lower], shown[upper], weight) for lower, upper, weight in between],
                    6,
                )
                for axis, between, shown in (("down", down, part.rows), ("right", right, part.columns))
            ]
            pair = [self.ring_row(part, f"{tables[0]}[row].{end}", padding) for end in ("lower", "upper")]
            self.before_columns.append(f"const window_row rows{name}[2] = {{{pair[0]}, {pair[1]}}};")
            result = target if part.first_channel == 0 else _further(target, part.first_channel)
            lines.append(
                f"bilinear(rows{name}, &{tables[0]}[row], &{tables[1]}[column], {part.channels}, {padding}, {result});"
            )
        return lines

    def pool(self, op: QuantizedOp, target: str) -> list[str]:
        source = self.stage.sources[0]
        lowest, highest = activation_range(op.activation, self.tensors[op.output])
        lines: list[str] = []
        first_row, row_count = self.pool_range(op, 0, source.height, "row", self.before_columns)
        first_column, column_count = self.pool_range(op, 1, source.width, "column", lines)
        for number, part in enumerate(source.parts):
            padding = self.padding(source, part, 1)
            rows, columns = self.window(0, number, padding, lines)
            rows = rows if first_row == "0" else f"&{rows}[{first_row}]"
            columns = columns if first_column == "0" else f"&{columns}[{first_column}]"
            result = target if part.first_channel == 0 else _further(target, part.first_channel)
            kernel = "max_pool" if op.kind == "MAX_POOL_2D" else "average_pool"
            lines.append(
                f"{kernel}({rows}, {row_count}, {columns}, {column_count}, {part.channels}, {padding}, "
                f"{lowest}, {highest}, {result});"
            )
        return lines

    def pool_range(self, op: QuantizedOp, axis: int, size: int, variable: str, lines: list[str]) -> tuple[str, str]:
        """C of the first element of the window that is no margin, and of their number."""
        start, window, stride = -window_start(op, axis, size), op.window[axis], op.strides[axis]
        count = (self.stage.rows, self.stage.columns)[axis]
        if start == 0 and (count - 1) * stride + window <= size:
            return "0", str(window)
        above = linear(variable, stride, start)
        lines.append(f"const int first_{variable} = larger(0, -({above}));")
        lines.append(f"const int {variable}_count = smaller({window}, {size} - ({above})) - first_{variable};")
        return f"first_{variable}", f"{variable}_count"

    # What is read.

    def pixels(self, source_number: int = 0) -> tuple[str, list[str]]:
        """C of the values under the window, all parts' channels in order, and the lines that bring them there."""
        source, head = self.stage.sources[source_number], self.stage.head
        window = head.window if head is not None and head.kind in WINDOWED else (1, 1)
        lines: list[str] = []
        if window == (1, 1) and len(source.parts) == 1:
            padding = self.padding(source, source.parts[0], 1)
            rows, columns = self.window(source_number, 0, padding, lines)
            return f"pixel_at({rows}, {columns}[0], {padding})", lines
        size = window[0] * window[1] * source.channels
        name = f"patch{source_number or ''}"
        return name, [f"int8_t {name}[{size}];", *self.gathered(name, source_number)]

    def gathered(self, target: str, source_number: int = 0) -> list[str]:
        source, head = self.stage.sources[source_number], self.stage.head
        window = head.window if head is not None and head.kind in WINDOWED else (1, 1)
        lines: list[str] = []
        for number, part in enumerate(source.parts):
            padding = self.padding(source, part, 1)
            rows, columns = self.window(source_number, number, padding, lines)
            result = target if part.first_channel == 0 else _further(target, part.first_channel)
            lines.append(
                f"gather({rows}, {window[0]}, {columns}, {window[1]}, {part.channels}, {padding}, "
                f"{result}, {source.channels});"
            )
        return lines

    def number_of_part(self, source_number: int, number: int) -> int | None:
        """Counted over all sources; None where the stage reads one part in all."""
        if sum(len(source.parts) for source in self.stage.sources) == 1:
            return None
        return sum(len(source.parts) for source in self.stage.sources[:source_number]) + number

    def name_of_part(self, source_number: int, number: int) -> str:
        """Ending of local names."""
        found = self.number_of_part(source_number, number)
        return "" if found is None else f"_{found}"

    def id_of_part(self, source_number: int, number: int) -> str:
        """Ending of the names of constants."""
        found = self.number_of_part(source_number, number)
        return self.id if found is None else part_of(self.id, found)

    def window(self, source_number: int, number: int, padding: str, lines: list[str]) -> tuple[str, str]:
        """Declares a part's rows, before the columns' loop, and columns, in `lines`; returns both names."""
        source = self.stage.sources[source_number]
        part = source.parts[number]
        name, table = self.name_of_part(source_number, number), self.id_of_part(source_number, number)
        self.declare_rows(source, part, name, f"rows_of_{table}", padding)
        self.declare_columns(source, part, name, f"columns_of_{table}", lines)
        return f"rows{name}", f"columns{name}"

    def declare_rows(self, source: View, part: Part, name: str, table: str, padding: str) -> None:
        start, window, stride = self.along(0, source.height)
        span = _span(start, window, stride, self.stage.rows)
        index = pixel_index("row", stride, start, span, part.rows, self.constants, table, *(["i"] * (window > 1)))
        found = self.ring_row(part, index, padding)
        if window == 1:
            self.before_columns.append(f"const window_row rows{name}[1] = {{{found}}};")
            return
        self.before_columns += [
            f"window_row rows{name}[{window}];",
            f"for (int i = 0; i < {window}; ++i) {{",
            f"    rows{name}[i] = {found};",
            "}",
        ]

    def declare_columns(self, source: View, part: Part, name: str, table: str, lines: list[str]) -> None:
        start, window, stride = self.along(1, source.width)
        if window > LISTED_COLUMNS:
            span = _span(start, window, stride, self.stage.columns)
            index = pixel_index("column", stride, start, span, part.columns, self.constants, table, "i")
            lines += [
                f"int columns{name}[{window}];",
                f"for (int i = 0; i < {window}; ++i) {{",
                f"    columns{name}[i] = {index};",
                "}",
            ]
            return
        indices = [
            pixel_index(
                "column",
                stride,
                start + tap,
                _span(start + tap, 1, stride, self.stage.columns),
                part.columns,
                self.constants,
                table,
            )
            for tap in range(window)
        ]
        lines.append(f"const int columns{name}[{window}] = {{{', '.join(indices)}}};")

    def along(self, axis: int, size: int) -> tuple[int, int, int]:
        """Position of the first window's first element, the window and the stride."""
        head = self.stage.head
        if head is None or head.kind not in WINDOWED:
            return 0, 1, 1
        return -window_start(head, axis, size), head.window[axis], head.strides[axis]

    def ring_row(self, part: Part, index: str, padding: str) -> str:
        ring = f"ring_{self.layout.identifiers[part.tensor]}"
        rows, row_bytes = self.layout.ring_rows[part.tensor], self.layout.row_bytes(part.tensor)
        return f"ring_row(s->{ring}[0], {index}, {rows}, {row_bytes}, {part.channels}, {padding})"

    def padding(self, source: View, part: Part, pixels: int) -> str:
        return self.constants.padding(source.zero_point, part.channels * pixels)


def _further(target: str, values: int) -> str:
    """The place `values` bytes behind `target`."""
    if target.startswith("&"):
        return f"{target[:-1]} + {values}]"
    return f"&{target}[{values}]"


def _span(start: int, window: int, stride: int, count: int) -> range:
    """All positions that occur."""
    return range(start, start + (count - 1) * stride + window)
