"""Monitored runs with planted redundancy, as records; no file and no framework."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nano_u.graph import Architecture, Node
from nano_u.redundancy import GroupMoments, LayerRedundancy, aggregate, measure_layer
from nano_u.reporting.monitored_run import LoggedStep, MonitoredRun

SIZE = 8


def network(hidden: int = 16, *, head: str = "head") -> Architecture:
    """3x3 convolution to `hidden` channels, BatchNorm, ReLU `act`, 1x1 to one logit, on 8x8 images."""
    nodes = (
        Node("image", "input", shape=(SIZE, SIZE, 3)),
        Node("conv", "conv2d", ("image",), filters=hidden, window=(3, 3)),
        Node("bn", "batch_norm", ("conv",)),
        Node("act", "relu", ("bn",)),
        Node(head, "conv2d", ("act",), filters=1, use_bias=True),
    )
    return Architecture("planted", nodes, (head,))


def measured(
    name: str,
    *,
    channels: int = 16,
    copies: int = 0,
    common: float = 0.0,
    linear: bool = True,
    images: int = 60,
    seed: int = 0,
) -> LayerRedundancy:
    """A layer of independent channels of which the last `copies` each repeat a different one of the first.

    `common` mixes one signal into all of them, which correlates them without making one replaceable.
    """
    x = np.random.default_rng(seed).normal(size=(images, 64, channels))
    x += common * np.random.default_rng(seed + 1).normal(size=(images, 64, 1))
    if copies:
        x[..., -copies:] = x[..., :copies]
    moments = GroupMoments.from_samples(x, np.arange(images) * 20 // images)
    return measure_layer(moments, layer=name, mode="inference", linear_input=linear, reads="depthwise")


def run_of(
    layers: Sequence[LayerRedundancy], *, steps: int = 12, architecture: Architecture | None = None
) -> MonitoredRun:
    """`steps` equal logged steps of these layers."""
    model = aggregate(layers)
    logged = tuple(
        LoggedStep(
            epoch,
            25 * epoch,
            model.redundancy_score,
            model.correlation_mean,
            model.correlation_std,
            model.trace,
            model.condition_number,
            model.num_layers,
            tuple(layers),
        )
        for epoch in range(1, steps + 1)
    )
    return MonitoredRun("planted", Path("planted_nas_metrics.csv"), logged, None, None, architecture, ())
