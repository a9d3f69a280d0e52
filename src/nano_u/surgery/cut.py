"""A smaller network of the same layers without some of their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from nano_u.errors import ModelError
from nano_u.graph import Architecture, Node
from nano_u.graph.channel_groups import FILTER_OPS
from nano_u.surgery.description import describe, is_repeat, nested_model, sources_by_tensor
from nano_u.surgery.folding import Array, HasMoments, fold
from nano_u.surgery.groups import ChannelGroup, groups_of
from nano_u.surgery.kept_channels import KeptChannels, kept_channels
from nano_u.surgery.layer_weights import (
    PASSING_OPS,
    WIDTH_KEY,
    Weights,
    weights_of,
    with_made,
    with_mixing_kernel,
    with_passed,
)
from nano_u.surgery.reading import reader_mixing
from nano_u.surgery.rebuild import rebuilt_model


@dataclass(frozen=True, eq=False)
class Surgery:
    """The smaller network, not compiled, and the share of its output variance that each reader lost, by its name.

    `residuals` are estimated from the moments: mean square of what a reader's output lacks over its variance, its
    kernel's taps taken as independent.
    """

    model: keras.Model
    residuals: Mapping[str, float]


def cut_channels(model: keras.Model, keeps: Mapping[str, Sequence[int]], moments: Mapping[str, HasMoments]) -> Surgery:
    """`model` with only the channels `keeps` of the groups named, the others folded into what reads them.

    The layers that read the groups get kernels and biases that stand for the dropped channels as well as least squares
    over `moments` (those of `measure_readers`) can do it. Layers keep their names; `model` is not changed. The result
    is a functional model, not compiled.

    Raises:
        ModelError: an unknown group, one that is left whole, channels that it does not have or none, moments of
            another model, or a layer that cannot be rebuilt from its configuration.
    """
    architecture = describe(model)
    sources = sources_by_tensor(architecture)
    groups = groups_of(architecture, sources)
    kept = _checked_keeps(model, groups, keeps)
    padded = {reader.layer: reader.padded for group in groups for reader in group.readers}
    edit = _Edit(model, architecture, {name: kept_channels(found, kept) for name, found in sources.items()})
    for node in architecture.nodes:
        if node.op in FILTER_OPS and edit.loses_inputs(node):
            edit.fold_inputs(node, moments, padded=padded[node.name])
    for node in architecture.nodes:
        edit.narrow(node)
    return Surgery(rebuilt_model(model, edit.weights, edit.configs), edit.residuals)


class _Edit:
    """Weights, configurations and residuals of the layers that change."""

    def __init__(self, model: keras.Model, architecture: Architecture, channels: Mapping[str, KeptChannels]) -> None:
        self.weights: dict[str, Weights] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.residuals: dict[str, float] = {}
        self._model = model
        self._architecture = architecture
        self._channels = channels

    def loses_inputs(self, node: Node) -> bool:
        """Whether the layer reads fewer channels than before."""
        return any(self._channels[name].loses for name in node.inputs)

    def fold_inputs(self, node: Node, moments: Mapping[str, HasMoments], *, padded: bool) -> None:
        """A kernel for the kept input channels alone, and what replaces the mean of the dropped ones."""
        mixing = reader_mixing(self._model, node.name, moments, padded=padded)
        folded = fold(mixing, self._channels[node.inputs[0]].places)
        self.weights[node.name] = with_mixing_kernel(node.op, self._of(node.name), folded.kernel)
        self.residuals[node.name] = folded.lost_share
        if folded.shift.any():
            self._shift_output(node, folded.shift)

    def narrow(self, node: Node) -> None:
        """Leave out what belonged to channels that are no longer there."""
        if node.op in PASSING_OPS and self.loses_inputs(node):
            keep = self._channels[node.inputs[0]].places
            self.weights[node.name] = with_passed(node.op, self._of(node.name), keep)
        if node.op in FILTER_OPS and self._channels[node.name].loses:
            keep = self._channels[node.name].places
            self.weights[node.name] = with_made(node.op, self._of(node.name), keep)
            self._config(node.name)[WIDTH_KEY[node.op]] = len(keep)

    def _of(self, name: str) -> Weights:
        return self.weights[name] if name in self.weights else weights_of(self._model.get_layer(name))

    def _config(self, name: str) -> dict[str, Any]:
        return self.configs.setdefault(name, {})

    def _shift_output(self, node: Node, shift: Array) -> None:
        """Into the bias, else the BatchNorm behind, as y + shift - mean = y - (mean - shift), else into a new bias."""
        weights, norm = self._of(node.name), _norm_behind(self._architecture, node.name)
        if "bias" in weights or norm is None:
            self.weights[node.name] = {**weights, "bias": weights.get("bias", 0.0) + shift}
            self._config(node.name)["use_bias"] = True
        else:
            statistics = self._of(norm)
            self.weights[norm] = {**statistics, "moving_mean": statistics["moving_mean"] - shift}


def _norm_behind(architecture: Architecture, name: str) -> str | None:
    """The BatchNorm that alone reads the layer `name` and reads nothing else."""
    readers = architecture.consumers[name]
    if len(readers) != 1 or name in architecture.outputs:
        return None
    (norm,) = readers
    is_shared = is_repeat(architecture, norm) or f"{norm}#2" in architecture.by_name
    if architecture.by_name[norm].op != "batch_norm" or is_shared or nested_model(norm) is not None:
        return None
    return norm


def _checked_keeps(
    model: keras.Model, groups: Sequence[ChannelGroup], keeps: Mapping[str, Sequence[int]]
) -> dict[tuple[str, ...], list[int]]:
    """The kept channels, sorted, by the producers of their group."""
    by_name = {group.name: group for group in groups}
    kept = {}
    for name, keep in keeps.items():
        group = by_name.get(name)
        if group is None:
            raise ModelError(f"{model.name}: no channel group is called {name!r}; it has {', '.join(by_name)}")
        if group.fixed is not None:
            raise ModelError(f"{name}: its channels cannot be removed: {group.fixed}")
        if not keep or len(set(keep)) != len(keep) or not all(0 <= channel < group.width for channel in keep):
            raise ModelError(
                f"{name}: cannot keep the channels {list(keep)}; give different ones, at least one, "
                f"from 0 to {group.width - 1}"
            )
        kept[group.producers] = sorted(int(channel) for channel in keep)
    return kept
