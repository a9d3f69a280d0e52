from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.config import ModelConfig
from nano_u.errors import ConfigError, ModelError
from nano_u.models import count_parameters, create_bu_net, create_model_from_config, create_nano_u

TINY = {"input_shape": (16, 16, 3), "filters": (2, 3), "bottleneck": 4}
PUBLISHED = {"input_shape": (60, 80, 3), "filters": [4, 8, 16], "bottleneck": 16, "pool_sizes": [2, 2, (3, 2)]}


def test_networks_have_the_published_numbers_of_parameters() -> None:
    assert count_parameters(create_nano_u()) == 17_112
    assert count_parameters(create_nano_u(**PUBLISHED)) == 4_212
    assert count_parameters(create_bu_net()) == 363_176


def test_output_is_one_logit_per_pixel() -> None:
    assert create_nano_u(**PUBLISHED).output_shape == (None, 60, 80, 1)
    assert create_bu_net(**TINY).output_shape == (None, 16, 16, 1)


def test_layer_names_do_not_depend_on_what_was_built_before() -> None:
    names = [[layer.name for layer in create_nano_u(**TINY).layers] for _ in range(2)]

    assert names[0] == names[1]
    assert names[0][:3] == ["input_image", "encoder1_block1_depthwise", "encoder1_block1_depthwise_bn"]
    assert names[0][-1] == "logits"


def test_models_come_compiled_and_fit_at_once() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 16, 16, 3), np.float32), rng.integers(0, 2, (4, 16, 16, 1))
    model = create_nano_u((16, 16, 3), filters=[2], bottleneck=2, blocks_per_stage=1)
    before = model.get_weights()

    history = model.fit(x, y, verbose=0)

    assert set(history.history) == {"loss", "iou"}
    assert any(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_iou_of_the_compiled_model_thresholds_logits_at_zero() -> None:
    model = create_nano_u(**TINY)
    x = np.zeros((1, 16, 16, 3), np.float32)
    model.get_layer("logits").set_weights([np.zeros((1, 1, 2, 1)), np.array([0.1])])

    results = model.evaluate(x, np.ones((1, 16, 16, 1)), verbose=0, return_dict=True)

    assert results["iou"] == pytest.approx(1.0)


def test_a_model_trains_with_xla() -> None:
    rng = np.random.default_rng(0)
    model = create_nano_u((8, 8, 3), filters=[2], bottleneck=2, blocks_per_stage=1)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=True)

    history = model.fit(rng.random((2, 8, 8, 3), np.float32), rng.integers(0, 2, (2, 8, 8, 1)), verbose=0)

    assert np.isfinite(history.history["loss"][0])


def test_probes_appear_only_when_enabled() -> None:
    probes = {"nas_encoder_probe", "nas_bottleneck_probe", "nas_decoder_probe"}

    assert probes <= {layer.name for layer in create_nano_u(**TINY, enable_probes=True).layers}
    assert not probes & {layer.name for layer in create_nano_u(**TINY).layers}


def test_skips_concatenate_the_encoder() -> None:
    model = create_nano_u(**TINY, skips=True)

    assert model.get_layer("decoder2_concat").output.shape[-1] == 3 + 2


def test_size_that_does_not_divide_names_sizes_that_fit() -> None:
    with pytest.raises(ModelError, match=r"input height 50 is not divisible by 4 .* use 48 or 52"):
        create_nano_u((50, 64, 3))


def test_configuration_builds_the_named_network() -> None:
    model = create_model_from_config(ModelConfig(**TINY), "bu_net")

    assert model.name == "bu_net"
    assert model.input_shape == (None, 16, 16, 3)


def test_mapping_builds_the_named_network() -> None:
    assert count_parameters(create_model_from_config({"name": "nano_u", **PUBLISHED})) == 4_212


def test_unknown_network_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown model 'unet'; known: nano_u, bu_net"):
        create_model_from_config({"name": "unet"})


def test_option_of_another_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="model 'bu_net' has no option pool_sizes"):
        create_model_from_config({**TINY, "pool_sizes": (2, 2)}, "bu_net")
