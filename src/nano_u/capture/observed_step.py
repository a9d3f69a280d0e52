"""A training or validation step that also looks at activations: same step, same result, moments on the side."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from nano_u.capture.captured import captured_tensors
from nano_u.capture.layer_tree import layer_tree
from nano_u.capture.moment_store import MomentStore, slot_of
from nano_u.capture.readers import is_readable_here
from nano_u.capture.recorder import CallRecorder, ForwardPass, Hooks
from nano_u.capture.selection import Selection, Selector, select_layers
from nano_u.errors import ConfigError

logger = logging.getLogger(__name__)


class ObservedStep:
    """Wraps a step function `(data) -> logs` of the selection's model.

    The layers are shadowed only while the step is traced (or runs eagerly), so the compiled graph runs at full speed
    and holds the moments' operations at its end. The store is made at the first trace, when the tensors are known.
    `selectors` choose again where blocks have made layers in their first call; `also` may add more to the graph from
    the same pass. An error in our own part is kept in `failure` and leaves the step as it was.
    """

    def __init__(
        self,
        step: Callable[[Any], Any],
        selection: Selection,
        *,
        spatial: str = "pixels",
        max_channels: int | None = None,
        selectors: Sequence[Selector] | Selector | None = None,
        takes_moments: bool = True,
        hooks: Hooks | None = None,
        also: Callable[[ForwardPass], None] | None = None,
    ) -> None:
        self._step = step
        self.takes_moments = takes_moments
        self._selection = selection
        self._selectors = selectors
        self._recorder = CallRecorder(selection.model, selection.entries)
        self._spatial = spatial
        self._max_channels = max_channels
        self._hooks = hooks
        self._also = also
        self._pending: tuple[int, bool] | None = None
        self.store: MomentStore | None = None
        self.failure: Exception | None = None

    def __call__(self, data: Any) -> Any:
        """The step's own result."""
        with self._recorder.recording(self._hooks) as forward:
            result = self._step(data)
        try:
            usable = _in_this_graph(forward)
            if self.takes_moments:
                self._observe(usable)
            if self._also is not None:
                self._also(usable)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the user's training
            self.failure = error
        return result

    def open(self, images: int, *, whole_batch: bool) -> None:
        """Look at the next `images` images; before the first trace this is remembered until then."""
        self._pending = (images, whole_batch)
        if self.store is not None:
            self.store.open(images, whole_batch=whole_batch)

    @property
    def is_open(self) -> bool:
        """Whether a window was opened and not closed since."""
        return self._pending is not None

    def close(self) -> None:
        """Stop looking."""
        self._pending = None
        if self.store is not None:
            self.store.close()

    def _observe(self, forward: ForwardPass) -> None:
        if len(layer_tree(self._selection.model)) != len(self._selection.entries):  # blocks have made layers meanwhile
            self._selection = select_layers(self._selection.model, self._selectors)
        captured = captured_tensors(self._selection, forward)
        if not captured:
            raise ConfigError(
                f"{self._selection.model.name}: the selected layers did not run in this step, or ran inside a loop"
            )
        slots = [slot_of(one, self._max_channels) for one in captured]
        if self.store is None:
            self.store = MomentStore(slots, self._spatial)
            if self._pending is not None:
                with tf.init_scope():
                    self.store.open(self._pending[0], whole_batch=self._pending[1])
        elif tuple(slots) != self.store.slots:
            by_name = {one.name: one for one in captured}
            if not all(slot.name in by_name for slot in self.store.slots):
                logger.info("a step with other layers than the first one is not observed")
                return
            captured = tuple(by_name[slot.name] for slot in self.store.slots)
        self.store.observe([one.tensor for one in captured])


def _in_this_graph(forward: ForwardPass) -> ForwardPass:
    """The calls whose tensors can be read here: others built a layer symbolically, or ran in a loop."""
    calls = [call for call in forward.calls if all(map(is_readable_here, call.outputs))]
    own_calls = [call for call in forward.own_calls if all(map(is_readable_here, call.outputs))]
    return ForwardPass(calls, own_calls, [tensor for tensor in forward.inputs if is_readable_here(tensor)])
