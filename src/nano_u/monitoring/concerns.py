"""What a reader of the numbers must know, said once each: doubtful statistics are worse than none."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nano_u.data.names import shortened
from nano_u.monitoring.record import StepRecord
from nano_u.redundancy import SAMPLES_PER_CHANNEL

logger = logging.getLogger(__name__)


class Concerns:
    """Warns once about unsettled BatchNorm, too few samples, dead layers and non-finite activations."""

    def __init__(self, model_name: str) -> None:
        self._model_name = model_name
        self._said: set[str] = set()
        self._unsettled: tuple[str, ...] = ()
        self._last: StepRecord | None = None

    def look_at(self, record: StepRecord, *, unsettled: Sequence[str]) -> None:
        """Warn about what is new in this record; BatchNorm may take until the next one to settle."""
        layers = record.layers
        self._say_unsettled([layer for layer in unsettled if layer in self._unsettled], record)
        self._unsettled, self._last = tuple(unsettled), record
        self._say(
            "few samples",
            [layer.layer for layer in layers if layer.status in ("ok", "insufficient") and not layer.reliable],
            f"fewer than {SAMPLES_PER_CHANNEL} effective samples a channel, so the scores are marked unreliable; raise "
            "max_samples",
            record,
        )
        self._say(
            "dead",
            [layer.layer for layer in layers if layer.status == "all_dead"],
            "no channel varies any more (dead layer)",
            record,
        )
        self._say(
            "non-finite",
            [layer.layer for layer in layers if layer.status == "non_finite"],
            "NaN or infinite activations; not scored",
            record,
        )

    def finish(self) -> None:
        """At the end of training: BatchNorm that is unsettled now stays so."""
        if self._last is not None:
            self._say_unsettled(self._unsettled, self._last)

    def _say_unsettled(self, layers: Sequence[str], record: StepRecord) -> None:
        self._say(
            "unsettled",
            layers,
            "BatchNorm has not settled: training-mode and inference-mode statistics disagree, so the scores describe "
            "neither network; train longer, lower its momentum or re-estimate its statistics",
            record,
        )

    def _say(self, concern: str, layers: Sequence[str], text: str, record: StepRecord) -> None:
        if not layers or concern in self._said:
            return
        self._said.add(concern)
        logger.warning("%s, epoch %d, %s: %s", self._model_name, record.epoch, shortened(list(layers), 3), text)
