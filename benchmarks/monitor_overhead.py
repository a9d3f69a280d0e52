"""What the redundancy monitor costs: its own CPU time as a share of an epoch's, and whole epochs with and without it.

    python benchmarks/monitor_overhead.py [--networks default published] [--loops keras ours] [--pairs 10] [--quick]

Batch 16, random images in memory, 400 (25 steps an epoch) and 4,000 (250 steps), 64 validation images. Two loops:
"keras" is bare Keras (stock layers, Adam, `fit`), "ours" is what `nano-u train` runs, without augmentation. Each
network and loop has a process of its own with the threads that it chooses.

Own CPU time of an epoch (the gate) = hooks + captured operations.

- Hooks: CPU time of the whole process while any of the callback's hooks runs: scoring, files, in the probe mode the
  extra forward pass. Median over the logged epochs. What happens once for each `fit` (settling layers, opening files
  at its first epoch) is no epoch's cost and has a line of its own.
- Captured operations: the store's very operations on the very tensors of the network, as a graph of their own: open
  (a batch that is looked at) times the batches in a window, plus closed (the comparison that the other steps pay) times
  the steps, plus the look at BatchNorm where there is a validation pass. A difference of whole steps with an open
  and a closed window would contain everything too, but a step's CPU time scatters by more than the gate.
- The epoch's CPU time is the median of the process's CPU time in epochs of the same `fit` without the monitor.

Epochs with and without the monitor alternate within one process on one model and one compiled step; a clock inside
`fit` leaves out what `fit` itself does before its first epoch. Their ratio, with the 95 % interval of the mean
logarithm, contains what the sum above cannot: operations that TensorFlow no longer fuses because the monitor reads
between them. A row is contradicted when its interval lies wholly above 1 + own share; one row in forty is by chance.

First epoch (tracing) and memory are compared between fresh processes. Exits 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from intervals import Estimate, machine, ratio_interval
from nano_u.capture.captured import Captured, captured_tensors
from nano_u.capture.moment_store import MomentStore, Slot, slot_of
from nano_u.capture.recorder import CallRecorder, ForwardPass
from nano_u.capture.selection import Selection, select_layers
from nano_u.config import load_experiment
from nano_u.data.pipeline import evaluation_batches, training_batches
from nano_u.models import build_model
from nano_u.monitoring.batch_norm_watch import BatchNormWatch
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.training.fit import compile_for_training
from nano_u.training.reproducibility import prepare_process
from training_throughput import BATCH, NETWORKS, stock_model

VALIDATION_IMAGES = 64
MAX_SAMPLES = 64
EVERY_BATCHES = 10
SHORT, LONG = 25, 250
MEMORY_LIMIT_MB = 20
LOOPS = ("keras", "ours")


@dataclass(frozen=True)
class Variant:
    """A way to use the monitor; limits are shares of the epoch's CPU time by steps an epoch.

    `published` is the published tool's slowdown on its own network in its own setting that comes closest.
    """

    name: str
    layers: int | None = None
    every_batches: int | None = None
    validates: bool = True
    probes: bool = False
    limits: tuple[tuple[int, float], ...] = ()
    published: str = ""

    def epochs_per_turn(self, steps: int) -> int:
        """Epochs in which a whole number of windows fits, since each `fit` counts batches anew."""
        return 1 if self.every_batches is None else self.every_batches // math.gcd(steps, self.every_batches)

    def limit(self, steps: int) -> float | None:
        """The largest own share allowed, where there is a gate."""
        return dict(self.limits).get(steps)


EVERY_EPOCH = "all, every epoch"
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(EVERY_EPOCH, limits=((SHORT, 0.02), (LONG, 0.005)), published="+95 %"),
        Variant(
            f"all, every {EVERY_BATCHES} batches",
            every_batches=EVERY_BATCHES,
            limits=((SHORT, 0.03),),
            published="+160 %",
        ),
        Variant("3 layers, every epoch", layers=3, limits=((SHORT, 0.01),), published="+10 %"),
        Variant(
            "all, every epoch, no validation", validates=False, limits=((SHORT, 0.02), (LONG, 0.005)), published="+95 %"
        ),
        Variant("probe images, every epoch", probes=True, published="+95 %"),
    )
}


class TimedMonitor(NASMonitorCallback):
    """The monitor, with the CPU time that the process uses inside its hooks added up in `cpu_seconds`.

    `start_seconds` holds that of `on_train_begin` and of the first epoch's begin, where files are opened.
    """

    cpu_seconds = 0.0
    start_seconds = 0.0
    _starting = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Timed as part of the start."""
        self._starting = True
        self._timed(super().on_train_begin, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Timed in batch mode only: in epoch mode it does nothing, in a thread beside the next step."""
        if self.async_safe:
            super().on_train_batch_end(batch, logs)
        else:
            self._timed(super().on_train_batch_end, batch, logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Timed; the first of a `fit` ends the start."""
        self._timed(super().on_epoch_begin, epoch, logs)
        self._starting = False

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Timed."""
        self._timed(super().on_train_batch_begin, batch, logs)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Timed."""
        self._timed(super().on_test_begin, logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Timed."""
        self._timed(super().on_test_batch_begin, batch, logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Timed."""
        self._timed(super().on_test_end, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Timed."""
        self._timed(super().on_epoch_end, epoch, logs)

    def _timed(self, hook: Callable[..., None], *arguments: Any) -> None:
        started = time.process_time()
        hook(*arguments)
        spent = time.process_time() - started
        if self._starting:
            self.start_seconds += spent
        else:
            self.cpu_seconds += spent


@dataclass(frozen=True)
class Turn:
    """Per epoch: wall and CPU seconds, and CPU seconds inside the monitor's hooks; `start`: once for the `fit`."""

    wall: float
    cpu: float
    hooks: float
    start: float


class Clock(keras.callbacks.Callback):
    """Reads the clocks after the first `on_epoch_begin` and the last `on_epoch_end` of the others: put it last."""

    def __init__(self) -> None:
        super().__init__()
        self.started: tuple[float, float] | None = None
        self.ended = (0.0, 0.0)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start, in the first epoch of several."""
        if self.started is None:
            self.started = (time.perf_counter(), time.process_time())

    def elapsed(self) -> tuple[float, float]:
        """Wall and CPU seconds from the first epoch's start to the last one's end."""
        assert self.started is not None
        return self.ended[0] - self.started[0], self.ended[1] - self.started[1]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the end, of the last epoch at last."""
        self.ended = (time.perf_counter(), time.process_time())


@dataclass(frozen=True)
class Epochs:
    """What one call of `fit` is to run."""

    steps: int
    first: int
    count: int
    validates: bool


Fit = Callable[[Epochs, list[keras.callbacks.Callback]], Any]


class Bench:
    """A model and its training loop in this process, with one monitor per variant."""

    def __init__(self, network: str, loop: str, images: int, folder: Path) -> None:
        architecture = NETWORKS[network]()
        rng = np.random.default_rng(0)
        shape = architecture.input_shape
        self._images = rng.integers(0, 256, (images, *shape), np.uint8)
        self._masks = (self._images.mean(axis=-1, keepdims=True) > 127).astype(np.uint8)
        self._held_out = rng.random((VALIDATION_IMAGES, *shape), np.float32)
        self._folder = folder
        self._epoch = 0
        self._monitors: dict[str, TimedMonitor] = {}
        self._model, self._fit = (self._keras if loop == "keras" else self._ours)(architecture)

    def turn(self, variant: Variant, steps: int, *, monitored: bool) -> Turn:
        """An epoch of `fit` (or as many as give a whole number of windows), with the variant's monitor or without."""
        clock = Clock()
        monitor = self._monitor(variant) if monitored else None
        before = (0.0, 0.0) if monitor is None else (monitor.cpu_seconds, monitor.start_seconds)
        epochs = Epochs(steps, self._epoch, variant.epochs_per_turn(steps), variant.validates)
        self._fit(epochs, [clock] if monitor is None else [monitor, clock])
        self._epoch += epochs.count
        wall, cpu = clock.elapsed()
        after = before if monitor is None else (monitor.cpu_seconds, monitor.start_seconds)
        hooks, start = after[0] - before[0], after[1] - before[1]
        return Turn(wall / epochs.count, cpu / epochs.count, hooks / epochs.count, start)

    def first_epochs(self, *, monitored: bool) -> tuple[float, float]:
        """Wall seconds of a first call of `fit` for one epoch, which traces everything, and of a third."""
        variant = VARIANTS[EVERY_EPOCH]
        callbacks: list[keras.callbacks.Callback] = [self._monitor(variant)] if monitored else []
        seconds = []
        for epoch in range(3):
            started = time.perf_counter()
            self._fit(Epochs(SHORT, epoch, 1, variant.validates), list(callbacks))
            seconds.append(time.perf_counter() - started)
        return seconds[0], seconds[-1]

    def operations(self, variant: Variant, repeats: int) -> Operations:
        """Cost of the captured operations of a variant on this model."""
        if variant.probes:
            return Operations(0.0, 0.0, 0.0, 0)
        selection = select_layers(self._model, _layer_names(self._model, variant.layers))
        in_training = not variant.validates or variant.every_batches is not None
        forward, captured = _forward(self._model, selection, self._floats(BATCH), training=in_training)
        watch = BatchNormWatch(selection) if not in_training else None
        return _measure_operations(forward, captured, watch, repeats)

    def _monitor(self, variant: Variant) -> TimedMonitor:
        if variant.name not in self._monitors:
            batches = variant.every_batches
            self._monitors[variant.name] = TimedMonitor(
                validation_data=self._held_out if variant.probes else None,
                layers=_layer_names(self._model, variant.layers),
                monitor_frequency="epoch" if batches is None else "batch",
                log_frequency=1 if batches is None else batches,
                log_dir=self._folder / variant.name.replace(" ", "-").replace(",", ""),
                max_samples=MAX_SAMPLES,
                strict=True,
            )
        return self._monitors[variant.name]

    def _floats(self, count: int) -> np.ndarray:
        return self._images[:count].astype(np.float32) / 255

    def _keras(self, architecture: Any) -> tuple[keras.Model, Fit]:
        model = stock_model(architecture)
        model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
        x, y = self._floats(len(self._images)), self._masks.astype(np.float32)
        held_out = tf.data.Dataset.from_tensor_slices((self._held_out, y[:VALIDATION_IMAGES])).batch(BATCH)

        def fit(epochs: Epochs, callbacks: list[keras.callbacks.Callback]) -> Any:
            count = epochs.steps * BATCH
            return model.fit(
                x[:count],
                y[:count],
                batch_size=BATCH,
                validation_data=held_out if epochs.validates else None,
                initial_epoch=epochs.first,
                epochs=epochs.first + epochs.count,
                callbacks=callbacks,
                verbose=0,
            )

        return model, fit

    def _ours(self, architecture: Any) -> tuple[keras.Model, Fit]:
        prepare_process(seed=0)
        model = build_model(architecture)
        config = load_experiment(None)
        compile_for_training(model, config, SHORT)
        batches = {
            steps: training_batches(
                (self._images[: steps * BATCH], self._masks[: steps * BATCH]), batch_size=BATCH, seed=0
            )
            for steps in (SHORT, LONG)
            if steps * BATCH <= len(self._images)
        }
        held_out = evaluation_batches((self._held_out, self._masks[:VALIDATION_IMAGES]), batch_size=BATCH)

        def fit(epochs: Epochs, callbacks: list[keras.callbacks.Callback]) -> Any:
            return model.fit(
                batches[epochs.steps],
                steps_per_epoch=epochs.steps,
                validation_data=held_out if epochs.validates else None,
                initial_epoch=epochs.first,
                epochs=epochs.first + epochs.count,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )

        return model, fit


def _layer_names(model: keras.Model, count: int | None) -> list[str] | None:
    """Evenly spread activation layers, None for the monitor's own choice."""
    if count is None:
        return None
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    return [names[index] for index in np.linspace(0, len(names) - 1, count).round().astype(int)]


def _forward(
    model: keras.Model, selection: Selection, images: np.ndarray, *, training: bool
) -> tuple[ForwardPass, tuple[Captured, ...]]:
    """One eager pass with everything that was called, and the tensors that the monitor would look at."""
    with CallRecorder(model, selection.entries).recording() as forward:
        model(tf.constant(images), training=training)
    return forward, captured_tensors(selection, forward)


@dataclass(frozen=True)
class Operations:
    """CPU seconds of the captured operations: per batch in an open window, per step outside, per look at BatchNorm."""

    open: float
    closed: float
    watch: float
    store_bytes: int

    def per_epoch(self, variant: Variant, steps: int) -> float:
        """CPU seconds in one epoch of so many steps."""
        if variant.probes:
            return 0.0
        looked = steps / variant.every_batches if variant.every_batches else math.ceil(MAX_SAMPLES / BATCH)
        return looked * self.open + steps * self.closed + self.watch


def _measure_operations(
    forward: ForwardPass, captured: Sequence[Captured], watch: BatchNormWatch | None, repeats: int
) -> Operations:
    """Time the store's operations; the activations are inputs of the graph, so nothing can be folded away."""
    slots = [slot_of(one, 256) for one in captured]
    store = MomentStore(slots, "pixels")
    tensors = [one.tensor for one in captured]

    @tf.function(autograph=False)
    def once() -> tf.Tensor:
        store.observe(tensors)
        return tf.constant(0)

    @tf.function(autograph=False)
    def often(count: tf.Tensor) -> tf.Tensor:
        def body(index: tf.Tensor) -> tuple[tf.Tensor]:
            store.observe(tensors)
            return (index + 1,)

        return tf.while_loop(lambda index: index < count, body, (tf.constant(0),), parallel_iterations=1)

    store.open(10**9, whole_batch=False)
    opened = _cpu_seconds(once, repeats)
    store.close()
    passes = 1000
    closed = _cpu_seconds(lambda: often(tf.constant(passes)), 2) / passes
    return Operations(opened, closed, _watch_seconds(forward, watch, repeats), _store_bytes(slots))


def _watch_seconds(forward: ForwardPass, watch: BatchNormWatch | None, repeats: int) -> float:
    if watch is None:
        return 0.0

    @tf.function(autograph=False)
    def look() -> tf.Tensor:
        watch.observe(forward)
        return tf.constant(0)

    def armed() -> None:
        watch.arm()
        look()

    return max(0.0, _cpu_seconds(armed, repeats) - _cpu_seconds(watch.arm, repeats))  # a hook arms it


def _cpu_seconds(action: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of the process per call: the median of five blocks, after the first call has traced."""
    action()
    blocks = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(max(1, repeats // 5)):
            action()
        blocks.append((time.process_time() - started) / max(1, repeats // 5))
    return statistics.median(blocks)


def _store_bytes(slots: Sequence[Slot]) -> int:
    """Of the variables that one store keeps: float64 sums and origins, int32 counts and window."""
    return sum(8 * (slot.size + slot.width) + 4 for slot in slots) + 8


def serve(network: str, loop: str, images: int, pipe: Connection) -> None:
    """In a process of its own: answer (method of Bench, variant, arguments) until None comes."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(network, loop, images, Path(folder))
        while (request := pipe.recv()) is not None:
            method, name, arguments = request
            pipe.send(getattr(bench, method)(VARIANTS[name], **arguments))


def serve_first_epochs(network: str, loop: str, monitored: bool, pipe: Connection) -> None:
    """In a fresh process: send the seconds of its first and its third epoch, and its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(network, loop, SHORT * BATCH, Path(folder))
        pipe.send((*bench.first_epochs(monitored=monitored), _peak_megabytes()))


def _peak_megabytes() -> float | None:
    """Peak resident memory of this process; None where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


@dataclass(frozen=True)
class Row:
    """What one variant costs in epochs of so many steps; seconds of CPU per epoch."""

    variant: Variant
    steps: int
    hooks: float
    operations: float
    epoch: float
    start: float
    cpu_ratio: Estimate
    wall_ratio: Estimate

    @property
    def share(self) -> float:
        """Own CPU time over the epoch's."""
        return (self.hooks + self.operations) / self.epoch

    @property
    def is_missed(self) -> bool:
        """The own share is above the gate, or the pairs prove that the true cost is."""
        limit = self.variant.limit(self.steps)
        return limit is not None and (self.share > limit or (self.cpu_ratio.low or 0.0) > 1 + limit)

    @property
    def agreement(self) -> str:
        """How the pairs' CPU ratio stands to the own share."""
        low, high = self.cpu_ratio.low, self.cpu_ratio.high
        if low is None or high is None:
            return "one pair"
        if low > 1 + self.share:
            return "CONTRADICTED: costs more"
        return "costs less" if high < 1 + self.share else "agrees"

    def cells(self) -> list[str]:
        """The row of the table."""
        limit = self.variant.limit(self.steps)
        gate = "-" if limit is None else f"<= {limit:.1%}" + (" MISSED" if self.is_missed else "")
        own = f"{1e3 * self.operations:.1f} + {1e3 * self.hooks:.1f}"
        return [
            self.variant.name,
            str(self.steps),
            own,
            f"{1e3 * self.epoch:.0f}",
            f"{self.share:.2%}",
            gate,
            self.variant.published,
            self.cpu_ratio.text(3),
            self.wall_ratio.text(3),
            self.agreement,
        ]


TITLES = [
    *("monitor", "steps", "own CPU ms: operations + hooks", "epoch CPU ms", "share", "gate", "published tool"),
    *("CPU, on / off", "wall, on / off", "pairs and share"),
]


def measure(
    network: str, loop: str, wanted: Sequence[Variant], *, pairs: int, long_pairs: int, repeats: int
) -> tuple[list[Row], int]:
    """Rows of one network and loop, and the bytes of the largest store."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    longest = LONG if long_pairs else SHORT
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(network, loop, longest * BATCH, theirs), daemon=True
    )
    process.start()
    theirs.close()  # so that a process that died ends our waiting

    def ask(method: str, variant: Variant, **arguments: Any) -> Any:
        mine.send((method, variant.name, arguments))
        return mine.recv()

    plan = {SHORT: (wanted, pairs)}
    if long_pairs:
        plan[LONG] = ([variant for variant in wanted if variant.limit(LONG)], long_pairs)
    rows, store_bytes = [], 0
    for variant in wanted:  # traces and settles
        for monitored in (False, True):
            ask("turn", variant, steps=SHORT, monitored=monitored)
    operations: dict[str, Operations] = {
        variant.name: ask("operations", variant, repeats=repeats) for variant in wanted
    }
    for steps, (variants, rounds) in plan.items():
        turns: dict[tuple[str, bool], list[Turn]] = {}
        for round_ in range(rounds):
            for variant in variants:
                for monitored in (False, True) if round_ % 2 else (True, False):
                    turn = ask("turn", variant, steps=steps, monitored=monitored)
                    turns.setdefault((variant.name, monitored), []).append(turn)
        for variant in variants:
            cost = operations[variant.name]
            row = make_row(variant, steps, cost, off=turns[variant.name, False], on=turns[variant.name, True])
            rows.append(row)
            store_bytes = max(store_bytes, cost.store_bytes)
    mine.send(None)
    process.join()
    return rows, store_bytes


def make_row(variant: Variant, steps: int, cost: Operations, *, off: Sequence[Turn], on: Sequence[Turn]) -> Row:
    """Join what was measured: medians for the share, pairs in their order for the ratios."""
    return Row(
        variant,
        steps,
        hooks=statistics.median(turn.hooks for turn in on),
        operations=cost.per_epoch(variant, steps),
        epoch=statistics.median(turn.cpu for turn in off),
        start=statistics.median(turn.start for turn in on),
        cpu_ratio=ratio_interval([turn.cpu for turn in on], [turn.cpu for turn in off]),
        wall_ratio=ratio_interval([turn.wall for turn in on], [turn.wall for turn in off]),
    )


def measure_first_epochs(network: str, loop: str, starts: int) -> tuple[float, float | None]:
    """Median extra seconds of a first epoch (tracing) and extra peak MB with the monitor, between fresh processes."""
    context = multiprocessing.get_context("spawn")
    found: dict[bool, list[tuple[float, float, float | None]]] = {False: [], True: []}
    for _ in range(starts):
        for monitored in found:
            mine, theirs = context.Pipe()
            process = context.Process(target=serve_first_epochs, args=(network, loop, monitored, theirs), daemon=True)
            process.start()
            theirs.close()
            found[monitored].append(mine.recv())
            process.join()
    tracing = {on: statistics.median(first - later for first, later, _ in runs) for on, runs in found.items()}
    peaks = {on: [peak for *_, peak in runs if peak is not None] for on, runs in found.items()}
    extra = statistics.median(peaks[True]) - statistics.median(peaks[False]) if peaks[True] and peaks[False] else None
    return tracing[True] - tracing[False], extra


def report(network: str, loop: str, rows: Sequence[Row]) -> int:
    """Print one table; returns the number of missed gates."""
    described = "bare Keras: stock layers, Adam, fit" if loop == "keras" else "the loop of nano-u train"
    print(f"\n{network} network, {described}; {machine()}\n")
    print(f"| {' | '.join(TITLES)} |")
    print(f"|{'---|' * len(TITLES)}")
    for row in rows:
        print(f"| {' | '.join(row.cells())} |")
    print(f"\nonce for each fit with the monitor: {1e3 * statistics.median(row.start for row in rows):.0f} ms of CPU")
    for row in rows:
        if row.variant.probes and row.steps == SHORT:
            print(f"probe images: {1e3 * row.hooks:.0f} ms of CPU per logged step ({MAX_SAMPLES} images)")
    return sum(row.is_missed for row in rows)


def report_first_epochs(tracing: float, memory: float | None, store_bytes: int) -> int:
    """Print what starting costs and what is kept in memory; returns 1 when that gate is missed."""
    too_much = memory is not None and memory >= MEMORY_LIMIT_MB
    peak = "not measured here" if memory is None else f"{memory:+.1f} MB (gate < {MEMORY_LIMIT_MB})"
    print(f"first epoch (tracing): {tracing:+.2f} s with the monitor, once for each new monitor")
    print(
        f"peak memory of the process: {peak}{' MISSED' if too_much else ''}; one store: {store_bytes / 1e6:.2f} MB",
        flush=True,
    )
    return int(too_much)


def main() -> int:
    """Measure every network and loop asked for and compare with the gates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--pairs", type=int, default=10, help=f"of epochs of {SHORT} steps")
    parser.add_argument("--long-pairs", type=int, default=3, help=f"of epochs of {LONG} steps; 0 leaves them out")
    parser.add_argument(
        "--starts", type=int, default=3, help="of fresh processes, with the monitor and without; 0 leaves them out"
    )
    parser.add_argument("--repeats", type=int, default=100, help="of the captured operations")
    parser.add_argument("--quick", action="store_true", help="one pair, no long epochs: does it run at all?")
    options = parser.parse_args()
    if options.quick:
        options.pairs, options.long_pairs, options.starts, options.repeats = 1, 0, 1, 20
    missed = 0
    for network in options.networks:
        for loop in options.loops:
            rows, store_bytes = measure(
                network,
                loop,
                [VARIANTS[name] for name in options.variants],
                pairs=options.pairs,
                long_pairs=options.long_pairs,
                repeats=options.repeats,
            )
            missed += report(network, loop, rows)
            if options.starts:
                tracing, memory = measure_first_epochs(network, loop, options.starts)
                missed += report_first_epochs(tracing, memory, store_bytes)
    print(
        "\nThe published tool's figures are slowdowns of whole epochs of its own network (60x80, 29 layers or 3), "
        f"{SHORT} steps an epoch, measured with its own code."
        "\nNot measured here: GPUs, mixed precision, several replicas."
    )
    print("gates: " + ("met" if not missed else f"{missed} MISSED"))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
