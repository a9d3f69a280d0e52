"""Products that a streaming plan sums up: of what it computes, and of nothing that the output does not need."""

from __future__ import annotations

from nano_u.codegen.plan import StreamingPlan


def stage_multiply_accumulates(plan: StreamingPlan) -> tuple[int, ...]:
    """Products per image of each stage's convolutions, in the order of the stages.

    Margins count; rows and columns that the stage's pool leaves out do not.
    """
    return tuple(
        stage.rows * stage.columns * sum(op.weights.kernel.size for op in stage.ops if op.weights is not None)
        for stage in plan.layout.stages
    )


def multiply_accumulates(plan: StreamingPlan) -> int:
    """Products per image of all stages."""
    return sum(stage_multiply_accumulates(plan))
