"""Training throughput of `nano-u train` against bare Keras, a hand-written TensorFlow step and torch.

    python benchmarks/training_throughput.py [--pairs 7] [--images 1024] [--networks default published]

Same network, batch 16, random float images in memory, validation off. Every contender has a process of its own, with
the threads that it chooses by itself, and they take turns epoch by epoch, so that a drifting machine hits all of them;
the first epoch of each (tracing) is not counted. Printed: the median of the epochs' images per second, its ratio to
bare Keras', and the range of the ratios round by round. Exits 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from nano_u.config import AugmentationConfig, TrainingConfig
from nano_u.data.pipeline import training_batches
from nano_u.graph import Architecture, nano_u
from nano_u.losses import make_loss, make_metric
from nano_u.models import build_model
from nano_u.training.optimizer import make_optimizer
from nano_u.training.reproducibility import prepare_process

BATCH = 16
NETWORKS = {
    "default": lambda: nano_u(),
    "published": lambda: nano_u((60, 80, 3), (4, 8, 16), 16, pool_sizes=[2, 2, (3, 2)]),
}
TARGETS = {
    ("default", "ours"): 1.6,
    ("default", "ours, augmented"): 1.45,
    ("published", "ours"): 1.25,
}
BASELINE = "bare Keras fit"
Epoch = Callable[[], Any]


def stock_model(architecture: Architecture) -> keras.Model:
    """The network out of Keras' own layers, as a Keras user would write it."""

    def stock(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer).__name__ == "FusedBatchNormalization":
            return keras.layers.BatchNormalization(momentum=layer.momentum, name=layer.name)
        if type(layer).__name__ == "UpsampleNearest":
            return keras.layers.UpSampling2D(layer.size, name=layer.name)
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(build_model(architecture), clone_function=stock)


def ours(architecture: Architecture, x: np.ndarray, y: np.ndarray, *, augmented: bool) -> Epoch:
    """What `nano-u train` runs: its threads, layers, loss, metric, optimizer and pipeline inside Keras' fit."""
    prepare_process(seed=0)
    steps = len(x) // BATCH
    model = build_model(architecture)
    optimizer = make_optimizer(TrainingConfig(), learning_rate=1e-3, total_steps=100 * steps, steps_per_epoch=steps)
    model.compile(optimizer, make_loss("bce"), metrics=[make_metric("iou")], jit_compile=False)
    augmentation = AugmentationConfig() if augmented else None
    batches = training_batches(
        ((x * 255).astype(np.uint8), y.astype(np.uint8)), batch_size=BATCH, seed=0, augmentation=augmentation
    )
    return lambda: model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)


def bare_keras(architecture: Architecture, x: np.ndarray, y: np.ndarray) -> Epoch:
    """Stock layers, Adam and `fit` on arrays in memory."""
    model = stock_model(architecture)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)


def tensorflow_step(architecture: Architecture, x: np.ndarray, y: np.ndarray) -> Epoch:
    """A hand-written `tf.function` over our layers, without Keras' fit."""
    model = build_model(architecture)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread sleeps on for seconds when an epoch has ended
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=0).batch(BATCH).prefetch(2)
    dataset = dataset.with_options(options)

    @tf.function(jit_compile=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.softplus(logits) - logits * labels)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    def epoch() -> None:
        for images, labels in dataset:
            step(images, labels)

    return epoch


def torch_epoch(architecture: Architecture, x: np.ndarray, y: np.ndarray) -> Epoch | None:
    """The same network in torch, channels-last; None where torch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    network = _torch_network(architecture).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    images = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(y.transpose(0, 3, 1, 2).copy())

    def epoch() -> None:
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            logits = network(images[chosen])
            torch.nn.functional.binary_cross_entropy_with_logits(logits, labels[chosen]).backward()
            optimizer.step()

    return epoch


def _torch_network(architecture: Architecture) -> Any:
    from torch import nn

    layers: list[Any] = []
    for node in architecture.nodes[1:]:
        channels = architecture.shapes[node.inputs[0]][-1]
        if node.op == "conv2d":
            layers.append(nn.Conv2d(channels, node.filters, 1, bias=node.use_bias))
        elif node.op == "depthwise_conv2d":
            layers.append(nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False))
        elif node.op == "batch_norm":
            layers.append(nn.BatchNorm2d(channels, eps=1e-3))
        elif node.op == "relu":
            layers.append(nn.ReLU(inplace=True))
        elif node.op == "max_pool2d":
            layers.append(nn.MaxPool2d(node.window))
        elif node.op == "upsample_nearest":
            layers.append(nn.Upsample(scale_factor=node.window, mode="nearest"))
    return nn.Sequential(*layers)


CONTENDERS: dict[str, Callable[[Architecture, np.ndarray, np.ndarray], Epoch | None]] = {
    BASELINE: bare_keras,
    "ours": partial(ours, augmented=False),
    "ours, augmented": partial(ours, augmented=True),
    "TensorFlow step by hand": tensorflow_step,
    "torch, channels last": torch_epoch,
}


def serve(name: str, network: str, images: int, pipe: Connection) -> None:
    """In a process of its own: build a contender, say whether it can run, then time one epoch per request."""
    architecture = NETWORKS[network]()
    rng = np.random.default_rng(0)
    x = rng.random((images, *architecture.input_shape), np.float32)
    y = (x.mean(axis=-1, keepdims=True) > 0.5).astype(np.float32)
    epoch = CONTENDERS[name](architecture, x, y)
    pipe.send(epoch is not None)
    while epoch is not None and pipe.recv():
        started = time.perf_counter()
        epoch()
        pipe.send(time.perf_counter() - started)


def measure(network: str, *, pairs: int, images: int) -> dict[str, list[float]]:
    """Images per second of every contender in every round."""
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    for name in CONTENDERS:
        mine, theirs = context.Pipe()
        context.Process(target=serve, args=(name, network, images, theirs), daemon=True).start()
        if mine.recv():
            pipes[name] = mine
    speeds: dict[str, list[float]] = {name: [] for name in pipes}
    for round_ in range(pairs + 1):
        for name, pipe in pipes.items():
            pipe.send(True)
            seconds = pipe.recv()
            if round_ > 0:
                speeds[name].append(images / seconds)
    for pipe in pipes.values():
        pipe.send(False)
    return speeds


def main() -> int:
    """Measure both networks, print the table, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    arguments = parser.parse_args()
    missed = 0
    for network in arguments.networks:
        speeds = measure(network, pairs=arguments.pairs, images=arguments.images)
        print(f"\n{network} network, batch {BATCH}, {arguments.images} images, {arguments.pairs} interleaved rounds")
        print(f"{'contender':26} {'images/s':>9} {'x bare Keras':>13} {'range':>13} {'target':>8}")
        for name, values in speeds.items():
            ratios = [value / base for value, base in zip(values, speeds[BASELINE], strict=True)]
            ratio = statistics.median(values) / statistics.median(speeds[BASELINE])
            target = TARGETS.get((network, name))
            verdict = "" if target is None else f">= {target:g}" + ("" if ratio >= target else " MISSED")
            missed += target is not None and ratio < target
            spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
            print(f"{name:26} {statistics.median(values):9.0f} {ratio:13.2f} {spread:>13} {verdict:>8}")
        if "torch, channels last" not in speeds:
            print("torch, channels last: not run (torch is not installed)")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
