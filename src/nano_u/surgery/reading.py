"""How a layer of a model mixes its input channels, from its weights and measured moments."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from nano_u.errors import ModelError
from nano_u.surgery.folding import HasMoments, Mixing
from nano_u.surgery.layer_weights import mixing_kernel, weights_of

_OPS = {
    keras.layers.SeparableConv2D: "separable_conv2d",
    keras.layers.Conv2DTranspose: "conv2d_transpose",
    keras.layers.Conv2D: "conv2d",
    keras.layers.Dense: "dense",
}


def reader_mixing(model: keras.Model, name: str, moments: Mapping[str, HasMoments], *, padded: bool) -> Mixing:
    """The mixing of the layer `name`.

    Raises ModelError where `moments` lack the layer or are of another width.
    """
    layer = model.get_layer(name)
    kernel = mixing_kernel(_OPS[type(layer)], weights_of(layer))
    found = moments.get(name)
    if found is None or found.mean.shape != kernel.shape[1:2]:
        raise ModelError(f"{name}: the moments are not those of {model.name}; measure its readers first")
    return Mixing.of(kernel, found, padded=padded)
