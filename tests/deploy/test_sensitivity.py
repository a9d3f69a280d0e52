from __future__ import annotations

import keras
import numpy as np
import pytest

from nano_u.deploy import convert_int8
from nano_u.deploy.sensitivity import sensitivity
from nano_u.errors import DeployError
from nano_u.models import architecture_of, create_nano_u

X = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.float32) / 255


def network(seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = create_nano_u((16, 16, 3), filters=[4], bottleneck=4, blocks_per_stage=1)
    for layer in model.layers:  # activations of every layer spread alike, as after training
        if "moving_variance" in {variable.name for variable in layer.variables}:
            values = np.asarray(keras.Model(model.input, layer.input)(X))
            mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
            layer.set_weights([*layer.get_weights()[:2], mean, variance])
    return model


@pytest.mark.parametrize("bad", ["encoder1_block1_pointwise", "encoder1_block1_depthwise", "decoder1_block1_pointwise"])
def test_a_planted_bad_layer_is_named_first(bad: str) -> None:
    """One channel a hundred times louder than the others takes the layer's range for itself."""
    model = network()
    gamma, *rest = model.get_layer(f"{bad}_bn").get_weights()
    gamma[0] *= 100
    model.get_layer(f"{bad}_bn").set_weights([gamma, *rest])

    found = sensitivity(model, architecture_of(model), convert_int8(model, X), X)

    assert found[0].layer == bad
    assert found[0].own_db < found[1].own_db - 6  # a bit and more


def test_ratios_are_those_of_signal_and_noise() -> None:
    model = network()
    tflite = convert_int8(model, X)

    found = {layer.layer: layer for layer in sensitivity(model, architecture_of(model), tflite, X)}

    first = found["encoder1_block1_depthwise"]
    assert first.own_db == pytest.approx(first.total_db)  # nothing before it but the input, which is exact
    assert first.own_db is not None
    assert 30 < first.own_db < 60  # eight bits over a rectified, roughly normal signal
    head = found["logits"]
    assert head.own_db is not None
    assert head.total_db is not None
    assert head.total_db < head.own_db
    assert found["encoder1_pool"].own_db is None  # only copies


def test_worst_layers_come_first() -> None:
    model = network()

    found = sensitivity(model, architecture_of(model), convert_int8(model, X), X)

    ratios = [layer.own_db for layer in found if layer.own_db is not None]
    assert ratios == sorted(ratios)
    assert [layer.own_db for layer in found][-2:] == [None, None]


def test_another_networks_file_is_refused() -> None:
    other = create_nano_u((16, 16, 3), filters=[4], bottleneck=4, blocks_per_stage=2)

    with pytest.raises(DeployError, match="holds other layers than the model; export it again"):
        sensitivity(other, architecture_of(other), convert_int8(network(), X), X)


def test_layers_that_apply_their_activation_themselves_are_measured_with_it() -> None:
    keras.utils.set_random_seed(2)
    image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(x), name="own")

    found = {layer.layer: layer for layer in sensitivity(model, architecture_of(model), convert_int8(model, X), X)}

    assert set(found) == {"first", "head"}
    assert found["first"].lowest == 0.0
    assert found["first"].own_db is not None
    assert found["first"].own_db > 30
