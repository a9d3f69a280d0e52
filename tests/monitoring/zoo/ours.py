"""The networks this package ships, at their smallest."""

from __future__ import annotations

import keras
from tests.monitoring.zoo.probes import at_layers
from tests.monitoring.zoo.style import ModelStyle, images, masks

from nano_u.models import create_bu_net, create_nano_u


def _nano_u() -> keras.Model:
    return create_nano_u((16, 16, 3), filters=[4], bottleneck=4, blocks_per_stage=1)


def _nano_u_with_everything() -> keras.Model:
    return create_nano_u(
        (16, 16, 3),
        filters=[3],
        bottleneck=4,
        blocks_per_stage=1,
        skips=True,
        upsample="after_pointwise",
        enable_probes=True,
    )


def _bu_net() -> keras.Model:
    return create_bu_net((16, 16, 3), filters=[2], bottleneck=3)


def _relus(stage: str, *, then_linear: bool = False) -> dict[str, bool]:
    return {f"{stage}_block1_depthwise_relu": True, f"{stage}_block1_pointwise_relu": then_linear}


PLAIN = _relus("encoder1") | _relus("bottleneck") | _relus("decoder1", then_linear=True)
REDUCED = (
    _relus("encoder1")
    | _relus("bottleneck", then_linear=True)
    | {"decoder1_reduce_relu": False}
    | _relus("decoder1", then_linear=True)
)
PROBES = ("nas_encoder_probe", "nas_bottleneck_probe", "nas_decoder_probe")
TRIPLE = {
    f"{stage}_block{block}_{last}": last == "depthwise_bn" or (stage, block) == ("decoder1", 3)
    for stage in ("encoder1", "bottleneck", "decoder1")
    for block in (1, 2, 3)
    for last in ("depthwise_bn", "pointwise_relu")
}

STYLES = tuple(
    ModelStyle(
        name,
        make,
        lambda: (images(16, 16, 3), masks(16, 16, 1)),
        at_layers(*selection, *others, "logits"),
        selection=selection,
        slow=name != "our_nano_u_skips_and_probes",
    )
    for name, make, selection, others in (
        ("our_nano_u", _nano_u, PLAIN, ("encoder1_pool", "decoder1_upsample")),
        ("our_nano_u_skips_and_probes", _nano_u_with_everything, REDUCED, PROBES),
        ("our_bu_net", _bu_net, TRIPLE, ()),
    )
)
