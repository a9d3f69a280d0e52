"""A streaming plan as two C99 files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nano_u.codegen.c_files import HEADER, SOURCE
from nano_u.codegen.c_kernels import kernels_used_by
from nano_u.codegen.identifiers import model_identifier
from nano_u.codegen.line_breaks import broken
from nano_u.codegen.plan import StreamingPlan
from nano_u.codegen.work import multiply_accumulates
from nano_u.quantization import QuantizedTensor


@dataclass(frozen=True)
class CSources:
    """`<name>.h` and `<name>.c`: no heap, no variables outside of the state, no recursion."""

    name: str
    header: str
    source: str


def generate_c(plan: StreamingPlan, name: str) -> CSources:
    """The plan's C, all identifiers led by `name`; raises DeployError where it holds no letter or digit."""
    prefix = model_identifier(name)
    header = _filled(HEADER, prefix, _header_fields(plan))
    source = _filled(SOURCE, prefix, _source_fields(plan))
    return CSources(prefix, header, source)


def _filled(template: str, prefix: str, fields: dict[str, str]) -> str:
    text = template
    for field, value in fields.items():
        text = text.replace(f"@{field}@", value)
    return text.replace("$prefix", prefix).replace("$PREFIX", prefix.upper())


def _header_fields(plan: StreamingPlan) -> dict[str, str]:
    graph, memory = plan.graph, plan.memory
    counters = "".join(f"    uint16_t rows_{plan.layout.identifiers[name]};\n" for name in _counted(plan))
    buffers = "".join(
        f"    int8_t {buffer.name}[{buffer.rows}][{buffer.row_bytes}];\n"
        if buffer.name.startswith("ring_")
        else f"    int8_t {buffer.name}[{buffer.row_bytes}];\n"
        for buffer in memory.buffers
    )
    return {
        "INPUT": _tensor_macros("INPUT", graph.by_name[graph.input]),
        "OUTPUT": _tensor_macros("OUTPUT", graph.by_name[graph.output]),
        "STATE_BYTES": str(memory.state_bytes),
        "MACS": str(multiply_accumulates(plan)),
        "MEMBERS": counters + buffers,
    }


def _tensor_macros(end: str, tensor: QuantizedTensor) -> str:
    height, width, channels = tensor.shape
    scale = np.format_float_scientific(np.float32(tensor.scale), unique=True, trim="0")
    values = (
        ("HEIGHT", height),
        ("WIDTH", width),
        ("CHANNELS", channels),
        ("SCALE", f"{scale}f"),
        ("ZERO_POINT", f"({tensor.zero_point})"),
    )
    return "".join(f"#define $PREFIX_{end}_{name} {value}\n" for name, value in values)


def _source_fields(plan: StreamingPlan) -> dict[str, str]:
    layout = plan.layout
    source = layout.identifiers[plan.graph.input]
    stages = "\n".join(broken(code.text) for code in plan.code)
    choices = "".join(
        broken(f"    if ({condition}) {{\n")
        + f"        BEGIN_STAGE({number});\n"
        + f"        {code.name}(s{', emit, context' if stage is layout.stages[-1] else ''});\n"
        + "        return 1;\n    }\n"
        for number, (stage, code, condition) in reversed(
            list(enumerate(zip(layout.stages, plan.code, plan.conditions, strict=True)))
        )
    )
    constants = "\n".join(plan.constants)
    return {
        "KERNELS": kernels_used_by(stages + choices + constants),
        "CONSTANTS": constants,
        "STAGES": stages,
        "CHOICES": choices,
        "RESETS": "".join(f"    s->rows_{layout.identifiers[name]} = 0;\n" for name in _counted(plan)),
        "SOURCE": source,
        "SOURCE_ROWS": str(layout.ring_rows[plan.graph.input]),
        "SOURCE_BYTES": str(layout.row_bytes(plan.graph.input)),
        "OUTPUT_BYTES": str(plan.memory.buffers[-1].row_bytes),
    }


def _counted(plan: StreamingPlan) -> list[str]:
    """Tensors whose rows are counted: the input and every stage's output."""
    return [plan.graph.input, *(stage.output for stage in plan.layout.stages)]
