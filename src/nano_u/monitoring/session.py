"""One training under observation: from the set-up that may fail to the files that are closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import keras

from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.selection import Selection, select_layers
from nano_u.errors import ConfigError
from nano_u.monitoring.concerns import Concerns
from nano_u.monitoring.fit_arguments import callbacks_of_fit, validates
from nano_u.monitoring.fit_source import FitSource, Observation
from nano_u.monitoring.options import MonitorOptions
from nano_u.monitoring.outputs import MonitorOutputs
from nano_u.monitoring.penalty import RedundancyPenalty, no_channels
from nano_u.monitoring.probe_source import ProbeSource
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.scoring import score_layers
from nano_u.monitoring.step_function import restore_functions
from nano_u.redundancy import aggregate

logger = logging.getLogger(__name__)


class MonitorSession:
    """What the callback does between `on_train_begin` and `on_train_end`; made anew for every `fit`."""

    @classmethod
    def start(
        cls,
        model: keras.Model,
        options: MonitorOptions,
        *,
        probe: Any,
        under_fit: bool,
        run_info: Mapping[str, Any],
        previous: MonitorSession | None,
    ) -> MonitorSession:
        """Settle layers, source, penalty and files before the first epoch.

        `under_fit` says whether Keras drives the callback; a hand-written loop that calls the hooks needs probe images.
        `previous` is the session of an earlier `fit` with this callback, whose traced functions still serve.

        Raises:
            ConfigError: no TensorFlow, an unknown layer, nothing to observe.
            RunError: files that cannot be written.
        """
        if keras.backend.backend() != "tensorflow":
            raise ConfigError(
                f"the redundancy monitor needs Keras' TensorFlow backend, not {keras.backend.backend()!r}; "
                "set KERAS_BACKEND=tensorflow"
            )
        if not under_fit and (probe is None or options.redundancy_weight):
            wanted = "redundancy_weight needs fit" if options.redundancy_weight else "nothing to observe"
            raise ConfigError(
                f"{wanted}: a hand-written loop calls these hooks, and its steps cannot be seen; "
                "give the monitor images with validation_data=..., or train with model.fit"
            )
        observes = under_fit and (probe is None or bool(options.redundancy_weight))
        if observes:
            if sum(map(_observes, callbacks_of_fit())) > 1:
                raise ConfigError(
                    "two redundancy monitors in one fit would take each other's place; give one of them probe images"
                )
            restore_functions(model)
        files = MonitorOutputs(model, options, run_info)
        files.check()
        if previous is not None and previous._serves(model, options):
            source, penalty = previous._source, previous._penalty
            if penalty is not None:
                penalty.restart(_iterations(model) or 0)
            selection = previous._selection
        else:
            selection = _selection(model, options)
            penalty = _penalty(selection, options)
            source = FitSource(selection, options, penalty) if observes else None
        if penalty is not None and selection.model_output and not selection.outputs and _last_width(model) == 1:
            raise ConfigError(no_channels(selection))
        probes = None if probe is None else ProbeSource(selection, options, probe)
        if probes is not None and model.built:
            probes.observe()  # images that the model cannot take are told now
        return cls(selection, options, source, probes, penalty, files)

    def __init__(
        self,
        selection: Selection,
        options: MonitorOptions,
        source: FitSource | None,
        probes: ProbeSource | None,
        penalty: RedundancyPenalty | None,
        files: MonitorOutputs,
    ) -> None:
        self.records: list[StepRecord] = []
        self._selection = selection
        self._options = options
        self._source = source
        self._probes = probes
        self._penalty = penalty
        self._files = files
        self._concerns = Concerns(selection.model.name)
        self._running = True
        self._looking = False
        self._batches = 0
        if source is not None:
            source.start(observes=probes is None, validates=validates())

    def guard(self, action: Callable[[MonitorSession], None]) -> None:
        """Run a part of the monitor so that its failure is reported once, turns the monitor off and spares training."""
        if not self._running:
            return
        try:
            action(self)
        except Exception as error:
            self._running = False
            if self._source is not None:
                self._source.stop_observing()
            self._close_files()
            if self._options.strict:
                raise
            logger.warning(
                "the redundancy monitor failed and is off from here on; training goes on (strict=True raises): %s: %s",
                type(error).__name__,
                error,
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )

    def open_files(self, first_epoch: int) -> None:
        """Before the first epoch: new files, or the ones of the run that is resumed at `first_epoch`."""
        if self._running:
            self._files.open(first_epoch)

    def epoch_begins(self, epoch: int, steps: int | None) -> None:
        """`steps` is the number of training steps in an epoch, None where `fit` does not know it."""
        if self._source is not None:
            observed = self._probes is None and self._options.frequency == "epoch"
            self._source.epoch_begins(logged=observed and self._is_due(epoch), steps=steps)

    def train_batch_begins(self, batch: int) -> None:
        """Before training step `batch` of the epoch (from 0), or the first of several in one execution."""
        executed = int(getattr(self._selection.model, "steps_per_execution", 1) or 1)
        in_batches = self._options.frequency == "batch"
        interval = self._options.interval
        before, self._batches = self._batches, self._batches + executed
        self._looking = self._running and in_batches and before // interval != self._batches // interval
        if self._source is not None:
            look = self._looking and self._probes is None
            self._source.train_batch_begins(batch, last_step=batch + executed - 1, look=look)

    def train_batch_ends(self, epoch: int) -> None:
        """After a training step, in batch mode."""
        if self._looking:
            self._looking = False
            self._log(epoch, self._observe(lambda source: source.train_window()))

    def test_begins(self, epoch: int) -> None:
        """A validation pass starts."""
        if self._source is not None and self._probes is None and self._options.frequency == "epoch":
            self._source.test_begins(logged=self._is_due(epoch))

    def test_batch_begins(self) -> None:
        """Before a validation step."""
        if self._source is not None:
            self._source.test_batch_begins()

    def test_ends(self) -> None:
        """A validation pass is over."""
        if self._source is not None:
            self._source.test_ends()

    def epoch_ends(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Log the epoch, where it is one of those to log."""
        if self._options.frequency == "epoch" and self._is_due(epoch):
            self._log(epoch, self._observe(lambda source: source.epoch_window()))
        self._files.epoch_ended(epoch, logs)

    def penalty_logs(self, loss: Any) -> dict[str, float]:
        """`redundancy_penalty`, its mean over the epoch's steps, and the loss without it."""
        penalty = None if self._penalty is None else self._penalty.mean_and_reset()
        if penalty is None:
            return {}
        return {"redundancy_penalty": penalty} | ({} if loss is None else {"task_loss": float(loss) - penalty})

    def current(self) -> dict[str, Any]:
        """Scores from the probe images as the model is now, else as last logged."""
        if self._probes is not None:
            observation = self._probes.observe()
            layers = score_layers(observation.moments, mode=observation.mode, extra_metrics=self._options.extra_metrics)
        elif self.records:
            layers = self.records[-1].layers
        else:
            raise ConfigError("compute_redundancy: nothing logged yet; give validation_data=... to measure at any time")
        scored = {layer.layer: layer.scalars() for layer in layers}
        return {"layers": scored, "aggregate": aggregate(layers).scalars()}

    def close(self) -> None:
        """The model as it was, the files complete; may be called again."""
        if self._source is not None:
            self._source.stop()
        self._concerns.finish()
        self._close_files()

    def _close_files(self) -> None:
        """The last saves may meet a full disk, which is no reason to lose a trained model."""
        try:
            self._files.close()
        except OSError as error:
            if self._options.strict and self._running:
                raise
            logger.warning("the redundancy monitor's files are incomplete: %s", error)

    def _observe(self, look: Callable[[FitSource], Observation | None]) -> Observation | None:
        if self._probes is not None:
            return self._probes.observe()
        if self._source is None:
            return None
        observation = look(self._source)
        failure = self._source.failure()
        if failure is not None:
            raise failure
        if observation is None and not self._source.validates:
            raise ConfigError("nothing to observe: no step of fit ran; give images with validation_data=...")
        return observation

    def _log(self, epoch: int, observation: Observation | None) -> None:
        if observation is None:
            return
        layers = score_layers(observation.moments, mode=observation.mode, extra_metrics=self._options.extra_metrics)
        record = StepRecord(epoch, self._step(), layers, aggregate(layers))
        self.records.append(record)
        self._files.write(record)
        watch = self._probes.batch_norm if self._probes is not None else self._source and self._source.batch_norm
        self._concerns.look_at(record, unsettled=watch.unsettled() if watch and observation.mode == "inference" else ())

    def _step(self) -> int:
        """The optimizer's step; in a loop with an optimizer of its own, the training steps announced to us."""
        iterations = _iterations(self._selection.model)
        return self._batches if iterations is None else iterations

    def _is_due(self, epoch: int) -> bool:
        return self._running and epoch % self._options.interval == 0

    def _serves(self, model: keras.Model, options: MonitorOptions) -> bool:
        """Whether this session's traced functions can serve another `fit`."""
        return self._source is not None and options is self._options and self._source.serves(model)


def _observes(callback: keras.callbacks.Callback) -> bool:
    """Whether the callback is a monitor whose work is done inside the steps of `fit`."""
    options = getattr(callback, "options", None)
    if not isinstance(options, MonitorOptions):
        return False
    return getattr(callback, "validation_data", None) is None or bool(options.redundancy_weight)


def _selection(model: keras.Model, options: MonitorOptions) -> Selection:
    """The selected layers; none yet where blocks will make their layers in the first step, and a pass must tell."""
    try:
        return select_layers(model, options.layers)
    except ConfigError:
        if model.built or (options.layers and layer_tree(model)):
            raise
        return Selection(model, layer_tree(model))


def _penalty(selection: Selection, options: MonitorOptions) -> RedundancyPenalty | None:
    if not options.redundancy_weight:
        return None
    return RedundancyPenalty(
        selection,
        weight=options.redundancy_weight,
        warmup_steps=options.redundancy_warmup_steps,
        spatial=options.spatial,
        selectors=options.layers,
        first_step=_iterations(selection.model) or 0,
    )


def _last_width(model: keras.Model) -> int | None:
    """Channels of the model's only output, None where it does not say."""
    shape = getattr(getattr(model, "output", None), "shape", None) if model.built else None
    return None if shape is None else shape[-1]


def _iterations(model: keras.Model) -> int | None:
    optimizer = getattr(model, "optimizer", None)
    return None if optimizer is None else int(optimizer.iterations.numpy())
