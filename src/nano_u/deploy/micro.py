"""TensorFlow Lite Micro itself, run in Python: the device's outputs and the arena that it really takes."""

from __future__ import annotations

import re
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from nano_u.deploy.captured_stderr import captured_stderr
from nano_u.deploy.flatbuffer import read_graph
from nano_u.deploy.progress import Progress
from nano_u.deploy.reference import check_int8_images
from nano_u.deploy.summary import summarise_tflite
from nano_u.errors import DeployError, MissingDependencyError

_ARENA_TOTAL = re.compile(r"Arena allocation total (\d+) bytes")


def micro_available() -> bool:
    """True where the extra `mcu` (the package tflite-micro) is installed."""
    return find_spec("tflite_micro") is not None


class MicroModel:
    """An int8 model inside TensorFlow Lite Micro's interpreter, with its memory recorder on."""

    def __init__(self, tflite: bytes) -> None:
        self.graph = read_graph(tflite)
        # Ample: the recorder counts what is used, not what is offered.
        arena = 4 * summarise_tflite(tflite).peak_activation_bytes + 2 * len(tflite) + 2**20
        self._interpreter = _interpreter(tflite, arena)

    def predict_int8(self, images: npt.NDArray[np.int8], progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """int8 outputs `(n, height, width, channels)` of int8 images; `progress` gets (done, total)."""
        check_int8_images(images, self.graph.input.shape[1:])
        outputs = np.empty((len(images), *self.graph.output.shape[1:]), np.int8)
        for index in range(len(images)):
            self._interpreter.set_input(images[index : index + 1], 0)
            self._interpreter.invoke()
            outputs[index] = self._interpreter.get_output(0)[0]
            if progress is not None:
                progress(index + 1, len(images))
        return outputs

    @cached_property
    def arena_bytes(self) -> int:
        """Bytes of the tensor arena that TensorFlow Lite Micro records: activations, scratch and bookkeeping."""
        with captured_stderr() as printed:
            self._interpreter.print_allocations()
            text = printed.text
        found = _ARENA_TOTAL.search(text)
        if found is None:
            raise DeployError("TensorFlow Lite Micro printed no arena total; this tflite-micro version is not known")
        return int(found[1])


def _interpreter(tflite: bytes, arena_bytes: int) -> Any:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError as error:
        raise MissingDependencyError("tflite-micro", "mcu") from error
    with captured_stderr() as printed:
        try:
            return runtime.Interpreter.from_bytes(tflite, arena_size=arena_bytes)
        except RuntimeError as error:
            reason = printed.text.strip().splitlines()[:1] or [str(error)]
            raise DeployError(f"TensorFlow Lite Micro cannot run this model: {reason[0]}") from error
