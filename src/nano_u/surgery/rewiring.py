"""Layers that a network may do without, or may run before an upsampling instead of behind it: other functions, which
are to be trained, at fewer multiplications and less memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from nano_u.graph import ACTIVATION_SUFFIX, Architecture, Node
from nano_u.graph.channel_groups import FILTER_OPS
from nano_u.models.functional import functional_copy
from nano_u.redundancy.live_channels import DEAD_VARIANCE_SHARE
from nano_u.surgery.description import describe, is_repeat
from nano_u.surgery.inner_tensors import input_tensor, output_tensor
from nano_u.surgery.rebuild import rebuilt_model

_STARTS = frozenset({"conv2d", "depthwise_conv2d", "separable_conv2d"})
_FOLLOWERS = frozenset({"batch_norm", "relu", "relu6"})
_UPSAMPLINGS = frozenset({"upsample_nearest", "upsample_bilinear"})


@dataclass(frozen=True)
class Rewiring:
    """Layers in a row, `chain`, that go (`kind` "block") or that run before `upsampling`, which they followed.

    The chain ends with a layer that mixes channels, and the BatchNorm and activation behind it; nothing but the next
    layer reads any of its tensors.
    """

    kind: Literal["block", "upsampling"]
    chain: tuple[str, ...]
    upsampling: str | None

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
    own = frozenset(operation.name for operation in functional_copy(model).operations)
    return tuple(_rewirings(describe(model), own))


def rewired_model(model: keras.Model, rewiring: Rewiring) -> keras.Model:
    """A new functional model, not compiled, with the weights of `model`, which is not changed."""
    skipped = rewiring.chain if rewiring.upsampling is None else (rewiring.upsampling,)
    held: dict[str, Any] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name in skipped:
            held[layer.name] = layer
            return args[0]
        result = layer(*args, **kwargs)
        if rewiring.upsampling is None or layer.name != rewiring.chain[-1]:
            return result
        return held[rewiring.upsampling](result)

    return rebuilt_model(model, {}, {}, call=call)


def lost_share(model: keras.Model, rewired: keras.Model, rewiring: Rewiring, images: npt.NDArray[np.float32]) -> float:
    """How much of what the chain gave is another now: mean squared difference over variance, before training.

    0 = nothing changed. Of a chain that gave one value everywhere it is the difference over that value's square, and
    infinite where that is zero. `images` `(images, height, width, channels)` float32 in [0, 1].
    """
    before, after = _before_and_after(model, rewired, rewiring, images)
    changed = float(np.square(after - before, dtype=np.float64).mean())
    if changed == 0.0:
        return 0.0
    power, square = float(before.var(dtype=np.float64)), float(np.square(before, dtype=np.float64).mean())
    scale = power if power > DEAD_VARIANCE_SHARE * square else square
    return changed / scale if scale else math.inf


def _before_and_after(
    model: keras.Model, rewired: keras.Model, rewiring: Rewiring, images: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the chain gave, and what stands in its place; what a block read is in both networks the same."""
    whole = functional_copy(model)
    last = output_tensor(whole, rewiring.chain[-1])
    if rewiring.upsampling is None:
        before, after = keras.Model(whole.input, [last, input_tensor(whole, rewiring.chain[0])]).predict(
            images, verbose=0
        )
        return before, after
    other = functional_copy(rewired)
    late = keras.Model(other.input, output_tensor(other, rewiring.upsampling))
    return keras.Model(whole.input, last).predict(images, verbose=0), late.predict(images, verbose=0)


def _rewirings(architecture: Architecture, own: frozenset[str]) -> Iterator[Rewiring]:
    """`own` are the names of the network's layers, without those of nested models."""
    taken: set[str] = set()
    for node in architecture.nodes:
        if node.op not in _STARTS or node.name in taken:
            continue
        chain = _chain(architecture, node, own)
        if chain is None:
            continue
        taken.update(chain)
        source, last = architecture.by_name[node.inputs[0]], chain[-1]
        layers = tuple(name for name in chain if not name.endswith(ACTIVATION_SUFFIX))
        if _can_go(architecture, source.name, last):
            yield Rewiring("block", layers, None)
        if (
            source.op in _UPSAMPLINGS
            and _is_read_once(architecture, source.name)
            and _runs_once(architecture, source, own)
        ):
            yield Rewiring("upsampling", layers, source.name)


def _chain(architecture: Architecture, first: Node, own: frozenset[str]) -> tuple[str, ...] | None:
    """From `first` to behind the next layer that mixes channels; None where something else reads or joins in."""
    names, node, mixed = [first.name], first, first.op in FILTER_OPS
    while True:
        if not _is_plain(architecture, node, own):
            return None
        follower = _follower(architecture, node)
        goes_on = follower is not None and (
            _is_activation_of(follower, node) or follower.op in _FOLLOWERS or (not mixed and follower.op in _STARTS)
        )
        if follower is None or not goes_on:
            return tuple(names) if mixed else None
        node, mixed = follower, mixed or follower.op in FILTER_OPS
        names.append(node.name)


def _follower(architecture: Architecture, node: Node) -> Node | None:
    """The only reader of what `node` gives; None where there are others or none."""
    if not _is_read_once(architecture, node.name):
        return None
    return architecture.by_name[architecture.consumers[node.name][0]]


def _is_read_once(architecture: Architecture, name: str) -> bool:
    return name not in architecture.outputs and len(architecture.consumers[name]) == 1


def _is_activation_of(follower: Node, node: Node) -> bool:
    """Whether `node` applies it itself, whatever it computes: the record tells it apart, the layer is one."""
    return follower.name == f"{node.name}{ACTIVATION_SUFFIX}"


def _is_plain(architecture: Architecture, node: Node, own: frozenset[str]) -> bool:
    """One call of a layer of the network itself that keeps height and width."""
    return _runs_once(architecture, node, own) and (
        architecture.shapes[node.name][:2] == architecture.shapes[node.inputs[0]][:2]
    )


def _runs_once(architecture: Architecture, node: Node, own: frozenset[str]) -> bool:
    """Whether the node stands for the one call of a layer of the network itself."""
    is_repeated = is_repeat(architecture, node.name) or f"{node.name}#2" in architecture.by_name
    return not is_repeated and node.name.removesuffix(ACTIVATION_SUFFIX) in own


def _can_go(architecture: Architecture, source: str, last: str) -> bool:
    """Whether what `last` gives can be replaced by what the chain reads, and would not meet it in an addition."""
    readers = architecture.consumers[last]
    if last in architecture.outputs or architecture.shapes[source] != architecture.shapes[last]:
        return False
    return not set(readers) & set(architecture.consumers[source])
