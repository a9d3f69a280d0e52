"""Products that a streaming plan sums up: of what it computes, and of nothing that the output does not need."""

from __future__ import annotations

from nano_u.codegen.plan import StreamingPlan


def stage_multiply_accumulates(plan: StreamingPlan) -> tuple[int, ...]:
    """Products per image of each stage's convolutions, in the order of the stages; margins count."""
    tensors = plan.graph.by_name
    shapes = [[(tensors[op.output].shape, op.weights) for op in stage.ops] for stage in plan.layout.stages]
    return tuple(
        sum(height * width * weights.kernel.size for (height, width, _), weights in stage if weights is not None)
        for stage in shapes
    )


def multiply_accumulates(plan: StreamingPlan) -> int:
    """Products per image of all stages."""
    return sum(stage_multiply_accumulates(plan))
