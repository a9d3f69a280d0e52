"""What may crash, hang or eat the memory, done in a process of its own that has limits: one task after the other."""

from __future__ import annotations

import io
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
MEMORY_BYTES = 2 << 30
SECONDS_PER_TASK = 10.0
"""Of processor time."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file; `outputs` are the reference's, where that ran it."""

    kind: Literal["accepted", "refused", "broken"]
    text: str = ""
    outputs: np.ndarray | None = None


class _TookTooLong(BaseException):
    pass


def generate(content: bytes) -> Outcome:
    """Whether C comes of a file. Anything but an error of ours breaks the generator's promise."""
    from nano_u.codegen import generate_c, plan_streaming
    from nano_u.deploy.quantized_reader import quantized_graph_of
    from nano_u.errors import NanoUError

    try:
        generate_c(plan_streaming(quantized_graph_of(content)), "net")
    except NanoUError as error:
        is_one_line = str(error).isprintable() and str(error)
        return Outcome("refused" if is_one_line else "broken", str(error))
    except (Exception, _TookTooLong) as error:  # noqa: BLE001
        return Outcome("broken", f"{type(error).__name__}: {error}")
    return Outcome("accepted")


def run_reference(task: tuple[bytes, np.ndarray]) -> Outcome:
    """What LiteRT's reference kernels give for a file and int8 images."""
    from nano_u.deploy.reference import ReferenceModel
    from nano_u.errors import NanoUError

    content, images = task
    try:
        return Outcome("accepted", outputs=ReferenceModel(content, threads=1).predict_int8(images))
    except (NanoUError, ValueError, RuntimeError) as error:
        return Outcome("refused", str(error))


def misbehave(how: str) -> Outcome:
    """For the test of the limits."""
    try:
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "allocate":
            bytearray(2 * MEMORY_BYTES)
        while how == "spin":
            pass
    except (Exception, _TookTooLong) as error:  # noqa: BLE001
        return Outcome("broken", f"{type(error).__name__}: {error}")
    return Outcome("accepted")


Task = Literal["generate", "reference", "misbehave"]
TASKS: dict[Task, Callable[[Any], Outcome]] = {"generate": generate, "reference": run_reference, "misbehave": misbehave}


def outcomes_of(task: Task, arguments: Sequence[Any]) -> list[Outcome]:
    """One outcome per argument; where the process dies, the argument it was at is broken and a new one goes on."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(arguments):
        found, ending = _one_process(task, arguments[len(outcomes) :])
        outcomes += found
        if ending is not None:
            outcomes.append(Outcome("broken", ending))
    return outcomes


def _one_process(task: Task, arguments: Sequence[Any]) -> tuple[list[Outcome], str | None]:
    """The outcomes up to the process' end, and how it ended where that was too early."""
    program = f"from tests.codegen.bounded_worker import serve; serve({task!r})"
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    limit = 60 + SECONDS_PER_TASK + 0.5 * len(arguments)
    try:
        done = subprocess.run(
            command,
            input=pickle.dumps(list(arguments)),
            capture_output=True,
            cwd=REPOSITORY,
            env=environment,
            timeout=limit,
        )
        written, ending = done.stdout, f"the process ended with {done.returncode}: {done.stderr.decode()[-200:]}"
    except subprocess.TimeoutExpired as error:
        written, ending = error.stdout or b"", f"the process took longer than {limit:.0f} s"
    outcomes = []
    stream = io.BytesIO(written)
    while stream.tell() < len(written):
        try:
            outcomes.append(pickle.load(stream))
        except (EOFError, pickle.UnpicklingError):
            break
    return outcomes, ending if len(outcomes) < len(arguments) else None


def _stop(number: int, frame: Any) -> None:
    raise _TookTooLong(f"more than {SECONDS_PER_TASK:g} s")


def serve(task: Task) -> None:
    """Do the task with each of the pickled arguments on standard input and write pickled outcomes."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    arguments = pickle.load(sys.stdin.buffer)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, _stop)
    for argument in arguments:
        signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_TASK)
        outcome = TASKS[task](argument)
        signal.setitimer(signal.ITIMER_PROF, 0)
        pickle.dump(outcome, output)
        output.flush()
