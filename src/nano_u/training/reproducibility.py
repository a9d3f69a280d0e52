"""Seeds, threads and determinism of a training process."""

from __future__ import annotations

import logging
from typing import Any

import keras
import tensorflow as tf

from nano_u.errors import TrainingError

logger = logging.getLogger(__name__)


def prepare_process(*, seed: int, threads: int | None = None, deterministic: bool = True) -> None:
    """Seed Python, NumPy and TensorFlow, and fix what else decides a result.

    On a CPU the kernels used here are deterministic for a given thread count; on a GPU deterministic kernels are asked
    for. `threads` (intra-operator) can only be set before TensorFlow has run its first operation.
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
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _let_memory_grow(gpu)
    if gpus and deterministic:
        tf.config.experimental.enable_op_determinism()


def _let_memory_grow(gpu: Any) -> None:
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # TensorFlow runs already, with whatever the caller has set up
        logger.info("%s: its memory was set up before training started and stays as it is", gpu.name)
