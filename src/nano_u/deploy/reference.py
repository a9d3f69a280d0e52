"""Predictions equal, bit for bit, to TensorFlow Lite Micro's: LiteRT with its reference kernels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.deploy.flatbuffer import read_graph
from nano_u.deploy.progress import Progress
from nano_u.errors import DeployError, MissingDependencyError
from nano_u.runs import usable_cpus


class ReferenceModel:
    """An int8 model run with `OpResolverType.BUILTIN_REF`.

    The default resolver (XNNPACK) is faster and wrong: its results differ from the device's by up to 11 steps.
    """

    def __init__(self, tflite: bytes, *, threads: int | None = None) -> None:
        self.graph = read_graph(tflite)
        self.input_quantization = self.graph.input.quantization
        self.output_quantization = self.graph.output.quantization
        self._tflite = tflite
        self._threads = threads or usable_cpus()
        _interpreter(tflite)  # refuses here, not at the first prediction, what cannot run

    def quantise(self, images: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
        """Float images in [0, 1] as the int8 values that the device reads."""
        return self.input_quantization.quantise(images)

    def predict_int8(self, images: npt.NDArray[np.int8], progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """int8 outputs `(n, height, width, channels)` of int8 images; `progress` gets (done, total)."""
        check_int8_images(images, self.graph.input.shape[1:])
        outputs = np.empty((len(images), *self.graph.output.shape[1:]), np.int8)
        report = _Counter(len(images), progress)
        chunks = np.array_split(np.arange(len(images)), min(self._threads, max(1, len(images))))

        def run(chunk: npt.NDArray[np.intp]) -> None:
            interpreter = _interpreter(self._tflite)
            source = interpreter.get_input_details()[0]["index"]
            result = interpreter.get_output_details()[0]["index"]
            for index in chunk:
                interpreter.set_tensor(source, images[index : index + 1])
                interpreter.invoke()
                outputs[index] = interpreter.get_tensor(result)[0]
                report.add_one()

        with ThreadPoolExecutor(len(chunks)) as pool:
            list(pool.map(run, chunks))
        return outputs

    def predict(self, images: npt.NDArray[np.floating], progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """float32 logits of float images in [0, 1], through the model's own int8 arithmetic.

        A model that ends in LOGISTIC gives the logits of its probabilities, at most half a step from 0 and 1.
        """
        values = self.output_quantization.dequantise(self.predict_int8(self.quantise(images), progress))
        if not self.graph.gives_probabilities:
            return values
        half_step = np.float32(self.output_quantization.scale / 2)
        clipped = np.clip(values, half_step, 1 - half_step)
        logits: npt.NDArray[np.float32] = np.log(clipped / (1 - clipped))
        return logits


class _Counter:
    """Counts images over all threads."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = Lock()

    def add_one(self) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._done += 1
            self._progress(self._done, self._total)


def check_int8_images(images: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise DeployError unless `images` is an int8 array `(n, *shape)`."""
    if images.dtype != np.int8 or images.shape[1:] != shape:
        raise DeployError(f"expected int8 images (n, {', '.join(map(str, shape))}), got {images.dtype} {images.shape}")


def _interpreter(tflite: bytes) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise MissingDependencyError("ai-edge-litert", "deploy") from error
    try:
        interpreter = Interpreter(
            model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DeployError(f"LiteRT cannot run this model: {error}") from error
    return interpreter
