"""TensorBoard events: one event per logged step, with every number of the model and of the layers.

TensorFlow has the protocol buffers and the record writer. TensorBoard's own `EventFileWriter` computes its checksums in
Python, 3 ms a step for 20 layers, in a thread that training waits for.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nano_u.monitoring.sinks.rows import Row, StepRows

_LARGEST_FLOAT32 = 3.4028234663852886e38


def tensorboard_installed() -> bool:
    """Whether there is something that shows the events."""
    return find_spec("tensorboard") is not None


class TensorBoardFile:
    """A new event file in `folder`.

    Tags are `nas/<name>` and `nas_layers/<layer>/<name>`, steps are optimizer steps. TensorBoard keeps 32-bit floats: a
    number beyond their range is absent, like None and text. When a run is continued, `first_step` makes TensorBoard
    forget what earlier files of the folder say from that step on.
    """

    def __init__(self, folder: Path, *, first_step: int | None = None) -> None:
        import tensorflow as tf

        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads a folder's files in the order of their names: by time.
        name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}.{secrets.token_hex(4)}"
        self._path = folder / name
        self._tf = tf
        with self._named_errors():
            self._writer = tf.io.TFRecordWriter(str(self._path))
        self._add(file_version="brain.Event:2")
        if first_step is not None:
            start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
            self._add(step=first_step, session_log=start)

    def write(self, rows: StepRows) -> None:
        """Append one event."""
        new = self._tf.compat.v1.Summary.Value
        values = [new(tag=f"nas/{name}", simple_value=number) for name, number in _numbers(rows.model)]
        for layer in rows.layers:
            prefix = f"nas_layers/{layer['layer']}/"
            values += [new(tag=prefix + name, simple_value=number) for name, number in _numbers(layer)]
        self._add(step=rows.step, summary=self._tf.compat.v1.Summary(value=values))

    def flush(self) -> None:
        """Nothing is ever held back."""

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._named_errors():
            self._writer.close()

    def _add(self, **fields: Any) -> None:
        event = self._tf.compat.v1.Event(wall_time=time.time(), **fields)
        with self._named_errors():
            self._writer.write(event.SerializeToString())
            self._writer.flush()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """TensorFlow's errors of files as OSError with the path."""
        try:
            yield
        except self._tf.errors.OpError as error:
            raise OSError(errno.EIO, error.message.rpartition("; ")[2], str(self._path)) from error


def _numbers(row: Row) -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST_FLOAT32:
            yield name, value
