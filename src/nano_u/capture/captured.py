"""From recorded calls to the tensors that were asked for, and how the network reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from nano_u.capture.readers import Origins, Readers
from nano_u.capture.recorder import Call, ForwardPass
from nano_u.capture.roles import agreed_channels_first, channels_first, is_channelwise, is_linear_consumer
from nano_u.capture.selection import OUTPUT, Selection


@dataclass(frozen=True, eq=False)
class Captured:
    """One monitored tensor, `(batch, ..., channels)` or with the channels on axis 1 when `channels_first`.

    `linear_input`: every layer that reads it is a linear map over its channels. Otherwise `reads` names the monitored
    point at which the same channels reach such a map, where there is one.
    """

    name: str
    tensor: Any
    channels_first: bool
    linear_input: bool
    reads: str | None


def captured_tensors(
    selection: Selection, forward: ForwardPass, *, is_usable: Callable[[Any], bool] = lambda tensor: True
) -> tuple[Captured, ...]:
    """The selected tensors in the order in which they came to be, each tensor once.

    `is_usable` says whether a tensor can be read where the moments are computed; those made inside a loop cannot.
    """
    calls = forward.calls
    readers = Readers(forward)
    names = _wanted(selection, forward)
    if selection.model_output:
        for key, tensor in forward.outputs().items():
            names.setdefault(id(tensor), (f"{OUTPUT}:{key}" if key else OUTPUT, tensor))
    default_first = agreed_channels_first(call.entry.layer for call in calls)
    first: dict[int, bool] = {}
    for call in calls:
        first.update((id(tensor), channels_first(call.entry.layer, default_first)) for tensor in call.outputs)
    taken = {key: value for key, value in names.items() if _has_channels(value[1]) and is_usable(value[1])}
    labels = {key: name for key, (name, _) in taken.items()}
    found = []
    for identity, (name, tensor) in taken.items():
        linear = _is_linear_input(tensor, readers)
        reads = None if linear else _reads(tensor, readers, labels)
        found.append(Captured(name, tensor, first.get(identity, default_first), linear, reads))
    return tuple(found)


def _wanted(selection: Selection, forward: ForwardPass) -> dict[int, tuple[str, Any]]:
    """Identity -> (name, tensor) of everything selected, in call order.

    What roles chose leaves out the model's own outputs, unless there is nothing else.
    """
    origins = Origins(forward)
    given = {id(tensor) for tensor in forward.inputs}
    own_outputs = {id(tensor) for tensor in forward.outputs().values()}
    names: dict[int, tuple[str, Any]] = {}
    outputs_by_role: dict[int, tuple[str, Any]] = {}
    producers: dict[int, str] = {}
    for call, times in numbered_calls(forward):
        layer = call.entry.layer
        if id(layer) in selection.inputs and call.inputs:
            tensor = origins.of(call.inputs[0])
            if id(tensor) not in given:
                names.setdefault(id(tensor), (producers.get(id(tensor), f"{call.entry.path}{times}:input"), tensor))
        for part, tensor in named_outputs(call):
            if not isinstance(layer, keras.layers.InputLayer):
                producers.setdefault(id(tensor), f"{call.entry.path}{times}{part}")
            label = selection.outputs.get(id(layer))
            if label is None:
                continue
            is_left_out = id(layer) in selection.by_role and id(tensor) in own_outputs
            chosen = outputs_by_role if is_left_out else names
            chosen.setdefault(id(tensor), (f"{label}{times}{part}", tensor))
    return names or outputs_by_role


def numbered_calls(forward: ForwardPass) -> Iterator[tuple[Call, str]]:
    """Calls in order, with what follows the layer's name: nothing the first time, then `#2`, `#3`."""
    seen: Counter[int] = Counter()
    for call in forward.calls:
        seen[id(call.entry.layer)] += 1
        count = seen[id(call.entry.layer)]
        yield call, f"#{count}" if count > 1 else ""


def named_outputs(call: Call) -> Iterator[tuple[str, Any]]:
    """A call's output tensors, with what follows its name: nothing for a single one, else `:0`, `:1`."""
    for index, tensor in enumerate(call.outputs):
        yield f":{index}" if len(call.outputs) > 1 else "", tensor


def _is_linear_input(tensor: Any, readers: Readers) -> bool:
    calls = readers.calls(tensor)
    linear = bool(calls) and all(is_linear_consumer(call.entry.layer) for call in calls)
    return linear and not readers.has_others(tensor)


def _reads(tensor: Any, readers: Readers, labels: Mapping[int, str]) -> str | None:
    """The first monitored tensor downstream, reached through channelwise layers only, that is a linear input."""
    queue, visited = [tensor], {id(tensor)}
    while queue:
        for call in readers.calls(queue.pop(0)):
            if not is_channelwise(call.entry.layer):
                continue
            for output in call.outputs:
                if id(output) in labels and _is_linear_input(output, readers):
                    return labels[id(output)]
                if id(output) not in visited:
                    visited.add(id(output))
                    queue.append(output)
    return None


def _has_channels(tensor: Any) -> bool:
    """A dense float tensor of rank 2 to 5."""
    rank = getattr(tensor.shape, "rank", None) if not isinstance(tensor.shape, tuple) else len(tensor.shape)
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return rank is not None and 2 <= rank <= 5 and bool(keras.backend.is_float_dtype(dtype))
