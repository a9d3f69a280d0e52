from __future__ import annotations

import pytest

from nano_u.errors import ModelError
from nano_u.graph.architectures import bu_net, nano_u


def test_a_decoder_stage_has_the_size_of_its_encoder_stage() -> None:
    net = nano_u((60, 80, 3), [4, 8, 16], 16, pool_sizes=[(2, 2), 2, (3, 2)])

    assert net.shapes["bottleneck_block2_pointwise_relu"] == (5, 10, 16)
    assert net.shapes["decoder1_upsample"] == (15, 20, 16)
    assert net.shapes["decoder3_block2_pointwise_relu"] == (60, 80, 4)
    assert net.shapes["logits"] == (60, 80, 1)


def test_nano_u_rectifies_between_depthwise_and_pointwise_and_bu_net_does_not() -> None:
    assert "encoder1_block1_depthwise_relu" in nano_u().by_name
    assert "encoder1_block1_depthwise_relu" not in bu_net().by_name
    assert "encoder1_block3_pointwise" in bu_net().by_name


def test_skips_join_the_deepest_encoder_stage_first() -> None:
    net = nano_u(skips=True)

    assert net.by_name["decoder1_concat"].inputs == ("decoder1_upsample", "encoder2_block2_pointwise_relu")
    assert net.shapes["decoder2_concat"] == (48, 64, 48)


def test_probes_are_identities_that_change_no_shape() -> None:
    probed = nano_u(enable_probes=True)

    names = [node.name for node in probed.nodes if node.op == "identity"]
    assert names == ["nas_encoder_probe", "nas_bottleneck_probe", "nas_decoder_probe"]
    assert probed.shapes["logits"] == nano_u().shapes["logits"]


def test_narrowing_before_the_upsampling_enlarges_the_narrow_tensor() -> None:
    net = nano_u(upsample="after_pointwise")

    assert net.shapes["decoder2_upsample"] == (48, 64, 16)
    assert nano_u().shapes["decoder2_upsample"] == (48, 64, 32)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"input_shape": (50, 64, 3)}, "height 50 is not divisible by 4 .* use 48 or 52"),
        ({"input_shape": (48, 63, 3)}, "width 63 is not divisible by 4 .* use 60 or 64"),
        ({"input_shape": (2, 64, 3)}, "use 4$"),
        ({"input_shape": (48, 64)}, "height, width, channels"),
        ({"input_shape": (48,)}, "height, width, channels"),
        ({"input_shape": (48, 64, 0)}, "height, width, channels"),
        ({"filters": []}, "filters must be positive"),
        ({"filters": [16, 0]}, "filters must be positive"),
        ({"bottleneck": 0}, "bottleneck"),
        ({"blocks_per_stage": 0}, "blocks_per_stage"),
        ({"pool_sizes": [2]}, "one entry per stage"),
        ({"pool_sizes": [2, (2, 0)]}, "pool_sizes"),
        ({"decoder_filters": [4, 5, 6]}, "one entry per stage, got 2, 3 and 2"),
        ({"upsample": "never"}, "before_block"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_remedy(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        nano_u(**arguments)  # type: ignore[arg-type]
