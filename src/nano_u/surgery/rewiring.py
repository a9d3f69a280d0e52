"""Layers that a network may do without, or may run before an upsampling instead of behind it: other functions, which
are to be trained, at fewer multiplications and less memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from nano_u.graph import ACTIVATION_SUFFIX, Architecture, Node
from nano_u.graph.channel_groups import FILTER_OPS
from nano_u.models.functional import functional_copy
from nano_u.surgery.description import describe, is_repeat, nested_model
from nano_u.surgery.inner_tensors import input_tensor
from nano_u.surgery.rebuild import rebuilt_model

_STARTS = frozenset({"conv2d", "depthwise_conv2d", "separable_conv2d"})
_FOLLOWERS = frozenset({"batch_norm", "relu", "relu6"})
_UPSAMPLINGS = frozenset({"upsample_nearest", "upsample_bilinear"})


@dataclass(frozen=True)
class Rewiring:
    """Layers in a row, `chain`, that go (`kind` "block") or that run before `upsampling`, which they followed.

    The chain ends with a layer that mixes channels, and the BatchNorm and activation behind it; nothing but the next
    layer reads any of its tensors. `readers` are the layers that read the last one's output; none where that is the
    network's.
    """

    kind: Literal["block", "upsampling"]
    chain: tuple[str, ...]
    upsampling: str | None
    readers: tuple[str, ...]

    @property
    def name(self) -> str:
        """Unique in its network, and in the smaller ones that come of it."""
        return f"{self.kind}:{self.chain[0]}"

    @property
    def text(self) -> str:
        """What is done, for people."""
        whole = f"{self.chain[0]} to {self.chain[-1]}" if len(self.chain) > 1 else self.chain[0]
        return f"without {whole}" if self.upsampling is None else f"{whole} before {self.upsampling}"


def rewirings(model: keras.Model) -> tuple[Rewiring, ...]:
    """All that the network allows: blocks whose output has the shape of their input, chains behind an upsampling.

    Raises ModelError as `channel_groups`.
    """
    architecture = describe(model)
    return tuple(_rewirings(architecture))


def rewired_model(model: keras.Model, rewiring: Rewiring) -> keras.Model:
    """A new functional model, not compiled, with the weights of `model`, which is not changed."""

    skipped = rewiring.chain if rewiring.upsampling is None else (rewiring.upsampling,)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name in skipped:
            return args[0]
        result = layer(*args, **kwargs)
        return upsampling(result) if upsampling is not None and layer.name == rewiring.chain[-1] else result

    late = None if rewiring.upsampling is None else model.get_layer(rewiring.upsampling)
    upsampling: Any = None if late is None else type(late).from_config(late.get_config())
    return rebuilt_model(model, {}, {}, call=call)


def lost_share(model: keras.Model, rewired: keras.Model, rewiring: Rewiring, images: npt.NDArray[np.float32]) -> float:
    """How much of what is read behind the chain is another now: mean squared difference over variance, before training.

    0 = nothing changed. `images` `(images, height, width, channels)` float32 in [0, 1].
    """
    before, after = (_read_behind(one, rewiring, images) for one in (model, rewired))
    changed = float(np.square(after - before, dtype=np.float64).mean())
    return changed / float(before.var(dtype=np.float64)) if changed else 0.0


def _read_behind(model: keras.Model, rewiring: Rewiring, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    whole = functional_copy(model)
    tensor = input_tensor(whole, rewiring.readers[0]) if rewiring.readers else whole.output
    values: npt.NDArray[np.float32] = keras.Model(whole.input, tensor).predict(images, verbose=0)
    return values


def _rewirings(architecture: Architecture) -> Iterator[Rewiring]:
    taken: set[str] = set()
    for node in architecture.nodes:
        if node.op not in _STARTS or node.name in taken:
            continue
        chain = _chain(architecture, node)
        if chain is None:
            continue
        taken.update(chain)
        source, last = architecture.by_name[node.inputs[0]], chain[-1]
        layers = tuple(name for name in chain if not name.endswith(ACTIVATION_SUFFIX))
        readers = architecture.consumers[last]
        if _can_go(architecture, source.name, last):
            yield Rewiring("block", layers, None, readers)
        if source.op in _UPSAMPLINGS and architecture.consumers[source.name] == (node.name,):
            yield Rewiring("upsampling", layers, source.name, readers)


def _chain(architecture: Architecture, first: Node) -> tuple[str, ...] | None:
    """From `first` to behind the next layer that mixes channels; None where something else reads or joins in."""
    names, node, mixed = [first.name], first, first.op in FILTER_OPS
    while True:
        if not _is_plain(architecture, node):
            return None
        readers = () if node.name in architecture.outputs else architecture.consumers[node.name]
        follower = architecture.by_name[readers[0]] if len(readers) == 1 else None
        goes_on = follower is not None and (follower.op in _FOLLOWERS or (not mixed and follower.op in _STARTS))
        if follower is None or not goes_on:
            return tuple(names) if mixed else None
        node, mixed = follower, mixed or follower.op in FILTER_OPS
        names.append(node.name)


def _is_plain(architecture: Architecture, node: Node) -> bool:
    """One call of a layer of the network itself that keeps height and width."""
    if is_repeat(architecture, node.name) or f"{node.name}#2" in architecture.by_name or nested_model(node.name):
        return False
    return architecture.shapes[node.name][:2] == architecture.shapes[node.inputs[0]][:2]


def _can_go(architecture: Architecture, source: str, last: str) -> bool:
    """Whether what `last` gives can be replaced by what the chain reads, and would not meet it in an addition."""
    readers = architecture.consumers[last]
    if last in architecture.outputs or architecture.shapes[source] != architecture.shapes[last]:
        return False
    return not set(readers) & set(architecture.consumers[source])
