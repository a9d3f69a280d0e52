"""Does the exported int8 network compute what training under int8 arithmetic simulated?

    python benchmarks/int8_fidelity.py RUN [--images 200]

RUN is a run directory trained with --qat. On its test images: (a) ranges and integer weights of the written `.tflite`
against those that were trained, (b) every layer, given the same integers, against the reference kernels, (c) the NumPy
reference against them on every tensor, (d) int8 IoU against the simulation's. Exits 1 when one of them fails.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import nano_u.quantization.fake_quantization  # noqa: F401  registers the layers of the model that is read
from nano_u.config import load_experiment
from nano_u.data import as_floats, load_data
from nano_u.deploy import ReferenceModel, quantized_graph_of, write_tflite
from nano_u.evaluation import evaluate
from nano_u.graph import Architecture, deploy
from nano_u.models import architecture_of, load_model
from nano_u.quantization import QuantizedGraph, run_integer, run_integer_tensors
from nano_u.runs import open_run
from nano_u.training.quantization_aware_model import CONVOLUTIONS, RANGE_SUFFIX, activation_of, range_groups
from nano_u.training.trained_int8 import trained_int8

MOST_STEPS, MOST_SHARE, MOST_IOU = 1, 0.02, 0.003


def differing_numbers(graph: QuantizedGraph, aware: keras.Model, architecture: Architecture) -> int:
    """Scales, zero points and integer weights of a file that are not those of the trained model."""
    groups = range_groups(deploy(architecture))
    wrong = 0
    for op in graph.ops:
        scale, zero_point = aware.get_layer(f"{groups[op.output]}{RANGE_SUFFIX}").scale_and_zero_point()
        tensor = graph.by_name[op.output]
        wrong += (tensor.scale, tensor.zero_point) != (float(np.float32(scale)), zero_point)
        if op.weights is not None:
            layer = aware.get_layer(op.output)
            kernel, scales = layer.integer_kernel()
            turned = kernel[np.newaxis] if layer.depthwise else kernel.transpose(3, 0, 1, 2)
            wrong += int((turned != op.weights.kernel).sum()) + int((scales != op.weights.scales).sum())
    return wrong


def layer_differences(
    graph: QuantizedGraph, aware: keras.Model, architecture: Architecture, images: np.ndarray
) -> dict[str, tuple[int, float]]:
    """For every layer with a range of its own: largest difference in steps, and share of values that differ."""
    tensors = run_integer_tensors(graph, images)
    groups = range_groups(deploy(architecture))
    found = {}
    for op in deploy(architecture).ops:
        if op.op not in (*CONVOLUTIONS, "add"):
            continue
        reals = [graph.by_name[name].real(tensors[name]) for name in op.inputs]
        value = aware.get_layer(op.name)(reals[0] if len(reals) == 1 else reals)
        if activation_of(architecture, op) == "relu":
            value = keras.ops.relu(value)
        value = np.asarray(aware.get_layer(f"{groups[op.name]}{RANGE_SUFFIX}")(value))
        tensor = graph.by_name[op.name]
        difference = np.abs(np.rint(value / tensor.scale) + tensor.zero_point - tensors[op.name])
        found[op.name] = int(difference.max()), float((difference > 0).mean())
    return found


def main() -> int:
    """Print the four checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, default=200)
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    config = load_experiment(run.config_path)
    aware, architecture = load_model(run.qat_model_path), architecture_of(load_model(run.best_model_path))
    images = load_data(str(config.data), config)["test"].spread(arguments.images)
    integers = (images.images.astype(np.int16) - 128).astype(np.int8)

    tflite = write_tflite(trained_int8(aware, architecture))
    graph = quantized_graph_of(tflite)
    wrong = differing_numbers(graph, aware, architecture)
    print(f"(a) scales, zero points and weights that differ from the trained ones: {wrong}")
    layers = layer_differences(graph, aware, architecture, integers[:32])
    worst, share = max(steps for steps, _ in layers.values()), max(part for _, part in layers.values())
    print(f"(b) {len(layers)} layers given the same integers: at most {worst} step, at most {share:.3%} of the values")
    reference = ReferenceModel(tflite)
    computed = reference.predict_int8(integers)
    unequal = int((run_integer(graph, integers) != computed).sum())
    print(
        f"(c) NumPy against the reference kernels, {len(integers)} images: {unequal} of {computed.size:,} values differ"
    )
    output = graph.by_name[graph.output]
    logits = output.real(computed)
    simulated = np.asarray(aware.predict(as_floats(images.images), verbose=0))
    ious = [
        evaluate(values, images, floor_probabilities=None).pooled.metrics.iou or 0.0 for values in (logits, simulated)
    ]
    steps = np.abs(logits - simulated) / output.scale
    agreement = float(((logits >= 0) == (simulated >= 0)).mean())
    print(
        f"(d) IoU int8 {ious[0]:.4f}, simulated {ious[1]:.4f}; masks agree in {agreement:.3%} of the pixels, "
        f"{(steps < 1.5).mean():.1%} of the logits within one step"
    )
    failed = wrong or worst > MOST_STEPS or share > MOST_SHARE or unequal or abs(ious[0] - ious[1]) > MOST_IOU
    print("MISSED" if failed else "all four hold")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
