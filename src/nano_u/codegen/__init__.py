"""Streaming C from int8 networks: rows of the image go in, rows of the result come out, no tensor is stored whole."""

from nano_u.codegen.blank_graph import blank_graph, streaming_state_bytes
from nano_u.codegen.generate import CSources, generate_c
from nano_u.codegen.memory import MemoryPlan, StoredRows
from nano_u.codegen.plan import StreamingPlan, plan_streaming
from nano_u.codegen.work import multiply_accumulates, stage_multiply_accumulates

__all__ = [
    "CSources",
    "MemoryPlan",
    "StoredRows",
    "StreamingPlan",
    "blank_graph",
    "generate_c",
    "multiply_accumulates",
    "plan_streaming",
    "stage_multiply_accumulates",
    "streaming_state_bytes",
]
