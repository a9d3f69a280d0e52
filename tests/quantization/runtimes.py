"""Every tensor of a model as LiteRT's reference kernels compute it."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from nano_u.quantization import QuantizedGraph


def reference_tensors(tflite: bytes, images: np.ndarray, graph: QuantizedGraph) -> dict[str, np.ndarray]:
    """Values `(n, height, width, channels)` of the graph's tensors by name."""
    interpreter = Interpreter(
        model_content=tflite,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    indices = {details["name"]: details["index"] for details in interpreter.get_tensor_details()}
    found: dict[str, list[np.ndarray]] = {tensor.name: [] for tensor in graph.tensors}
    for image in images:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        for name, values in found.items():
            values.append(interpreter.get_tensor(indices[name])[0])
    return {name: np.stack(values) for name, values in found.items()}


def differing(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, int]:
    """Number of different values of every tensor that has some."""
    assert ours.keys() == theirs.keys()
    counts = {name: int((values != theirs[name]).sum()) for name, values in ours.items()}
    return {name: count for name, count in counts.items() if count}
