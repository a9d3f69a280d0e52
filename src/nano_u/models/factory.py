"""Ready-made networks: built from their architecture records and compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras

from nano_u.errors import ConfigError
from nano_u.graph import architectures
from nano_u.graph.architectures import Upsample, Window
from nano_u.models.build import DEFAULT_BATCH_NORM_MOMENTUM, build_model

if TYPE_CHECKING:
    from nano_u.config import ModelConfig


def create_nano_u(
    input_shape: Sequence[int] = (48, 64, 3),
    filters: Sequence[int] = (16, 32),
    bottleneck: int = 64,
    name: str = "nano_u",
    *,
    blocks_per_stage: int = 2,
    decoder_filters: Sequence[int] | None = None,
    pool_sizes: Sequence[Window] | None = None,
    skips: bool = False,
    upsample: Upsample = "before_block",
    enable_probes: bool = False,
    batch_norm_momentum: float = DEFAULT_BATCH_NORM_MOMENTUM,
) -> keras.Model:
    """A compiled Nano-U: `(batch, height, width, channels)` in [0, 1] -> logits `(batch, height, width, 1)`.

    Args:
        input_shape: (height, width, channels); height and width must be divisible by the product of the pool sizes.
        filters: channels of each encoder stage; a max-pool follows each.
        bottleneck: channels of the stage between encoder and decoder.
        name: the model's name; layer names do not depend on it.
        blocks_per_stage: depthwise-separable blocks (3x3 depthwise, BatchNorm, ReLU, 1x1, BatchNorm, ReLU) per stage.
        decoder_filters: channels of each decoder stage, first the deepest; the encoder mirrored by default.
        pool_sizes: one integer or (height, width) per encoder stage; 2 by default.
        skips: concatenate each encoder stage's output to the decoder stage of the same size.
        upsample: "before_block", or "after_pointwise" to narrow with a 1x1 before enlarging, which halves peak memory.
        enable_probes: add `Identity` layers `nas_encoder_probe`, `nas_bottleneck_probe`, `nas_decoder_probe`.
        batch_norm_momentum: of the running statistics, in (0, 1).

    Raises:
        ModelError: sizes that do not divide (the text names sizes that fit), or lists of unequal length.
    """
    record = architectures.nano_u(
        input_shape,
        filters,
        bottleneck,
        name,
        blocks_per_stage=blocks_per_stage,
        decoder_filters=decoder_filters,
        pool_sizes=pool_sizes,
        skips=skips,
        upsample=upsample,
        enable_probes=enable_probes,
    )
    return _compiled(build_model(record, batch_norm_momentum=batch_norm_momentum))


def create_bu_net(
    input_shape: Sequence[int] = (48, 64, 3),
    filters: Sequence[int] = (32, 64, 128),
    bottleneck: int = 256,
    name: str = "bu_net",
    *,
    enable_probes: bool = False,
    batch_norm_momentum: float = DEFAULT_BATCH_NORM_MOMENTUM,
) -> keras.Model:
    """A compiled BU-Net, the U-Net teacher: triple depthwise-separable blocks and concatenated skips.

    Arguments, shapes and errors as `create_nano_u`.
    """
    record = architectures.bu_net(input_shape, filters, bottleneck, name, enable_probes=enable_probes)
    return _compiled(build_model(record, batch_norm_momentum=batch_norm_momentum))


def _compiled(model: keras.Model) -> keras.Model:
    # XLA is off: on a CPU it makes these networks' training step about ten times slower.
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryIoU(target_class_ids=[1], threshold=0.0, name="iou")],
        jit_compile=False,
    )
    return model


@dataclass(frozen=True)
class ModelEntry:
    """A network that configuration can name."""

    name: str
    create: Callable[..., keras.Model]
    description: str


REGISTRY = {
    entry.name: entry
    for entry in (
        ModelEntry("nano_u", create_nano_u, "encoder-decoder of depthwise-separable blocks, 17,112 parameters"),
        ModelEntry("bu_net", create_bu_net, "U-Net teacher with skips, 363,176 parameters"),
    )
}


def create_model_from_config(config: ModelConfig | Mapping[str, Any], name: str | None = None) -> keras.Model:
    """The network that `config` describes.

    `config` is a typed model section, or a mapping with `name` (or `model_name`) and the arguments of that network's
    function; keys that are None take the network's own defaults. Raises ConfigError for an unknown network, listing
    the known ones, and for arguments that the network does not have.
    """
    options = dict(config) if isinstance(config, Mapping) else config.model_dump()
    chosen = name or options.pop("model_name", None) or options.pop("name", None) or "nano_u"
    entry = REGISTRY.get(chosen)
    if entry is None:
        raise ConfigError(f"unknown model {chosen!r}; known: {', '.join(REGISTRY)}")
    given = {key: value for key, value in options.items() if value is not None}
    known = set(entry.create.__kwdefaults__ or {}) | {"input_shape", "filters", "bottleneck"}
    foreign = sorted(key for key in given if key not in known and given[key] != _NEUTRAL.get(key))
    if foreign:
        raise ConfigError(f"model {chosen!r} has no option {', '.join(foreign)}; it has: {', '.join(sorted(known))}")
    return entry.create(**{key: value for key, value in given.items() if key in known})


_NEUTRAL = {"blocks_per_stage": 2, "skips": False, "upsample": "before_block"}
"""Defaults of the typed section that a network without the option accepts as said for nothing."""


def count_parameters(model: keras.Model) -> int:
    """Number of all weights, trainable or not (BatchNorm counts four per channel)."""
    return int(model.count_params())
