"""Seeds, threads and determinism of a training process."""

from __future__ import annotations

import logging
import os
from typing import Any

import keras
import tensorflow as tf

from nano_u.errors import TrainingError
from nano_u.runs import usable_cpus

logger = logging.getLogger(__name__)

THREAD_COUNTS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
"""Environment variables by which a user decides the number of threads; then it is not ours to choose."""


def prepare_process(*, seed: int, threads: int | None = None, deterministic: bool = True) -> None:
    """Seed Python, NumPy and TensorFlow, and fix what else decides a result.

    On a CPU the kernels used here are deterministic for a given thread count; on a GPU deterministic kernels are asked
    for. `threads` (within one operator) can only be set before TensorFlow has run its first operation.
    """
    keras.utils.set_random_seed(seed)
    if threads is not None:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError as error:
            raise TrainingError(
                f"training.threads={threads} comes too late, TensorFlow is running already; "
                "set TF_NUM_INTRAOP_THREADS before the process starts"
            ) from error
    elif not any(os.environ.get(name) for name in THREAD_COUNTS):
        _share_processors(usable_cpus())
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _let_memory_grow(gpu)
    if gpus and deterministic:
        tf.config.experimental.enable_op_determinism()


def _share_processors(processors: int) -> None:
    """Half of the processors within an operator, all of them across operators.

    Backpropagation always has two operators that do not wait for each other, and these networks' operators are so
    small that splitting one costs as much as it saves: on two cores a step of the default network is a fifth faster.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(max(1, processors // 2))
        tf.config.threading.set_inter_op_parallelism_threads(processors)
    except RuntimeError:  # TensorFlow runs already, with the threads that it started with
        logger.info("TensorFlow runs already; its threads stay as they are")


def _let_memory_grow(gpu: Any) -> None:
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # TensorFlow runs already, with whatever the caller has set up
        logger.info("%s: its memory was set up before training started and stays as it is", gpu.name)
