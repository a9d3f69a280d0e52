"""What of a trained network has no int8 form."""

from __future__ import annotations

import numpy as np
import pytest

from nano_u.errors import DeployError
from nano_u.models import architecture_of, create_nano_u
from nano_u.training.quantization_aware_model import quantization_aware
from nano_u.training.trained_int8 import trained_int8


def test_a_bias_beyond_32_bits_names_its_layer_and_a_setting_that_helps() -> None:
    model = create_nano_u((16, 16, 3), [2], 2, blocks_per_stage=1)
    aware = quantization_aware(model)
    kernel, bias = aware.get_layer("logits").get_weights()
    aware.get_layer("logits").set_weights([0 * kernel, bias + 1])  # a scale next to nothing

    with pytest.raises(DeployError) as caught:
        trained_int8(aware, architecture_of(model))

    assert str(caught.value) == (
        "layer 'logits': a bias does not fit 32 bits at its scale; train again with quantization.aware false "
        "(--no-qat), so that export chooses the scales"
    )
    assert np.isfinite(bias).all()
