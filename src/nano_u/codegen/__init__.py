"""Streaming C from int8 networks: rows of the image go in, rows of the result come out, no tensor is stored whole."""

from nano_u.codegen.generate import CSources, generate_c
from nano_u.codegen.memory import MemoryPlan, StoredRows
from nano_u.codegen.plan import StreamingPlan, plan_streaming

__all__ = ["CSources", "MemoryPlan", "StoredRows", "StreamingPlan", "generate_c", "plan_streaming"]
