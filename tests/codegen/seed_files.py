"""The `.tflite` files that are mutated: small networks of ours and random graphs that together hold every kind."""

from __future__ import annotations

import numpy as np
from tests.codegen.networks import nano_u_graph
from tests.quantization.random_graph import random_graph

from nano_u.deploy.quantized_writer import write_tflite
from nano_u.quantization import KINDS, QuantizedGraph

RANDOM = (4, 8, 17, 18, 41, 42, 51, 56)
"""Seeds of graphs of six operators each."""


def seed_graphs() -> tuple[QuantizedGraph, ...]:
    """Two networks and the random graphs."""
    tiny = {"input_shape": (8, 12, 3), "filters": (4,), "bottleneck": 4, "blocks_per_stage": 1}
    networks = [nano_u_graph(**tiny), nano_u_graph(**tiny, skips=True)]
    return (*networks, *(random_graph(seed, length=6) for seed in RANDOM))


def seed_files() -> tuple[bytes, ...]:
    """The graphs as files, without a converter."""
    return tuple(write_tflite(graph) for graph in seed_graphs())


def converted_files() -> tuple[bytes, ...]:
    """Files of TensorFlow's converter, which are laid out in another way and hold signatures and metadata."""
    from tests.deploy.conftest import converted, images_like
    from tests.deploy.test_quantized_reader import converted as converted_model
    from tests.deploy.test_quantized_reader import with_odd_sizes

    tiny = converted(input_shape=(16, 16, 3), filters=(4,), bottleneck=4, blocks_per_stage=1, calibration=16)
    return tiny.tflite, converted_model(with_odd_sizes, images_like)


def kinds_missing() -> set[str]:
    """Kinds of operators that no seed holds."""
    return set(KINDS) - {op.kind for graph in seed_graphs() for op in graph.ops}


def images_for(graph: QuantizedGraph, count: int) -> np.ndarray:
    """int8 noise over the whole range; the first two images are constant -128 and 127."""
    shape = graph.by_name[graph.input].shape
    images = np.random.default_rng(count).integers(-128, 128, (count, *shape)).astype(np.int8)
    images[:2] = np.asarray([-128, 127], np.int8)[:count, None, None, None]
    return images
