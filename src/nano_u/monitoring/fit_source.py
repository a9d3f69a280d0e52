"""Moments from what `fit` runs anyway: its validation pass, or else its training batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from nano_u.capture.moment_store import Slot
from nano_u.capture.observed_step import ObservedStep
from nano_u.capture.selection import Selection
from nano_u.monitoring.batch_norm_watch import BatchNormWatch
from nano_u.monitoring.options import MonitorOptions
from nano_u.monitoring.penalty import RedundancyPenalty
from nano_u.monitoring.step_function import ObservedFunction
from nano_u.redundancy import GroupMoments, Mode

ASSUMED_BATCH = 8
"""Images a batch, which `fit` does not tell; halved when a window at an epoch's end has seen too few."""


@dataclass(frozen=True)
class Observation:
    """What one window saw: the moments of every layer, and how the network ran."""

    moments: tuple[tuple[Slot, GroupMoments], ...]
    mode: Mode


class FitSource:
    """Observes one `fit`: the callback tells it what happens, it says what was seen.

    Epochs: the first `max_samples` images of the validation pass, in inference mode; in a fit without validation the
    last images of the epoch, in training mode. Batches: the images of every interval-th training step.
    """

    def __init__(self, selection: Selection, options: MonitorOptions, penalty: RedundancyPenalty | None) -> None:
        self._model = selection.model
        self._selection = selection
        self._options = options
        self._penalty = penalty
        self._train_step: ObservedStep | None = None
        self._train: ObservedFunction | None = None
        self._test_step: ObservedStep | None = None
        self._test: ObservedFunction | None = None
        self.validates = False
        self._seen: Observation | None = None
        self._open_at: int | None = None
        self._batch_size = ASSUMED_BATCH
        self.batch_norm = BatchNormWatch(selection)

    def serves(self, model: keras.Model) -> bool:
        """Whether what was traced here still stands for the model as it is compiled now."""
        return model is self._model and (self._train is None or self._train.serves(model))

    def start(self, *, observes: bool, validates: bool | None) -> None:
        """At the start of `fit`: its training steps go through ours where they are looked at or penalised.

        `observes` is false where probe images are looked at instead; `validates` says whether a validation pass will
        follow every epoch, None where that is not known and the training steps must stand ready.
        """
        self._seen = None
        self.validates = bool(validates)
        moments = observes and (self._options.frequency == "batch" or not validates)
        if not moments and self._penalty is None:
            return
        if self._train is None or self._train_step is None or (moments and not self._train_step.takes_moments):
            self._train_step = self._observed(self._model.train_step, penalty=self._penalty, moments=moments)
            self._train = ObservedFunction(self._model, "train", self._train_step)
        self._train.install(on_first_call=self._after_first_step)

    def stop(self) -> None:
        """At the end of `fit`, or when the monitor is turned off: the model is as it was."""
        for function in (self._train, self._test):
            if function is not None:
                function.restore()

    def stop_observing(self) -> None:
        """No more moments; the step function stays, because the penalty lives in it and exchanging it would retrace."""
        for step in (self._train_step, self._test_step):
            if step is not None:
                step.close()

    def epoch_begins(self, *, logged: bool, steps: int | None) -> None:
        """Decide from which training step on to look, where an epoch is logged and `fit` does not validate."""
        self._seen = None
        self._open_at = None
        if logged and not self.validates:
            batches = -(-self._options.max_samples // self._batch_size)
            self._open_at = 0 if steps is None else max(0, steps - batches)

    def train_batch_begins(self, step: int, *, last_step: int, look: bool) -> None:
        """Before training step `step` of the epoch, when one execution runs until `last_step`."""
        if self._train is None or self._train_step is None:
            return
        self._train.arm()
        if look:
            self._train_step.open(self._options.max_samples, whole_batch=True)
        elif self._open_at is not None and self._open_at <= last_step:
            self._open_at = None
            self._train_step.open(self._options.max_samples, whole_batch=False)

    def train_window(self) -> Observation | None:
        """End the window over training steps and return what it saw, None for nothing."""
        return self._window(self._train_step, "training")

    def test_begins(self, *, logged: bool) -> None:
        """At the start of a validation pass inside `fit`."""
        if not self.validates:
            self.validates = True
            if self._train_step is not None:
                self._train_step.close()
        if not logged:
            return
        if self._test is None or not self._test.serves(self._model):
            self._test_step = self._observed(self._model.test_step, watch=self.batch_norm)
            self._test = ObservedFunction(self._model, "test", self._test_step)
        self._test.install()
        if self._test_step is not None:
            self._test_step.open(self._options.max_samples, whole_batch=False)
            self.batch_norm.arm()

    def test_batch_begins(self) -> None:
        """Before every validation step."""
        if self._test is not None:
            self._test.arm()

    def test_ends(self) -> None:
        """At the end of the validation pass."""
        if self._test is None or self._test_step is None:
            return
        self._test.restore()
        self._seen = self._window(self._test_step, "inference") or self._seen

    def epoch_window(self) -> Observation | None:
        """What the epoch's window saw: the validation pass, or else the training steps."""
        if self.validates:
            return self._seen
        seen = self.train_window()
        if seen is not None and seen.moments[0][1].images < self._options.max_samples:
            self._batch_size = max(1, self._batch_size // 2)
        return seen

    def failure(self) -> Exception | None:
        """An error of our own part inside the steps, which the steps themselves survived."""
        steps = [step for step in (self._train_step, self._test_step) if step is not None]
        return next((step.failure for step in steps if step.failure is not None), None)

    def _observed(
        self,
        step: Callable[..., object],
        *,
        penalty: RedundancyPenalty | None = None,
        watch: BatchNormWatch | None = None,
        moments: bool = True,
    ) -> ObservedStep:
        return ObservedStep(
            step,
            self._selection,
            spatial=self._options.spatial,
            max_channels=self._options.max_channels,
            takes_moments=moments,
            selectors=self._options.layers,
            hooks=None if penalty is None else penalty.hooks,
            also=None if watch is None else watch.observe,
        )

    def _window(self, step: ObservedStep | None, mode: Mode) -> Observation | None:
        if step is None or step.store is None or not step.is_open:
            return None
        step.close()
        moments = tuple(zip(step.store.slots, step.store.read(), strict=True))
        if not moments or not moments[0][1].images:
            return None
        return Observation(moments, mode)

    def _after_first_step(self) -> None:
        if self._penalty is not None:
            self._penalty.check()
