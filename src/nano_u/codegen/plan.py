"""What is computed when, and in which buffers: the plan behind generated C."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.codegen.constants import Constants
from nano_u.codegen.layout import Layout
from nano_u.codegen.limits import check_limits, check_state
from nano_u.codegen.memory import MemoryPlan, counters, memory_plan, state_bytes, stored_rows
from nano_u.codegen.readiness import readiness
from nano_u.codegen.schedule import ring_rows
from nano_u.codegen.stage import stages_of
from nano_u.codegen.stage_code import StageCode, stage_code
from nano_u.quantization import QuantizedGraph


@dataclass(frozen=True)
class StreamingPlan:
    """A graph cut into stages that run row by row; `conditions` say in C when each can.

    `memory` is exact: the compiled state has just these bytes.
    """

    layout: Layout
    code: tuple[StageCode, ...]
    conditions: tuple[str, ...]
    constants: tuple[str, ...]
    memory: MemoryPlan

    @property
    def graph(self) -> QuantizedGraph:
        """The int8 network."""
        return self.layout.graph


def plan_streaming(graph: QuantizedGraph) -> StreamingPlan:
    """The plan of any int8 graph; raises DeployError, naming the layer, for sizes that the C could not handle."""
    return compiled(layout_of(graph))


def layout_of(graph: QuantizedGraph) -> Layout:
    """Stages and rings of the graph, without its C; raises DeployError as `plan_streaming`."""
    check_limits(graph)
    stages = stages_of(graph)
    layout = Layout(graph, stages, ring_rows(graph.input, graph.by_name[graph.input].shape[0], stages))
    check_state(state_bytes(stored_rows(layout), counters(layout)))
    return layout


def compiled(layout: Layout) -> StreamingPlan:
    """The plan that a layout leads to."""
    constants = Constants()
    code = tuple(stage_code(layout, stage, constants) for stage in layout.stages)
    conditions = tuple(readiness(layout, stage, constants) for stage in layout.stages)
    memory = memory_plan(layout, constants.total_bytes)
    texts = tuple(constant.text for constant in constants.by_name.values())
    return StreamingPlan(layout, code, conditions, texts, memory)
