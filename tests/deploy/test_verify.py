from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nano_u.deploy import MicroModel, micro_available, verify_int8
from nano_u.deploy import verify as verify_module
from nano_u.errors import DeployError


@pytest.mark.skipif(not micro_available(), reason="tflite-micro (the extra `mcu`) is not installed")
def test_the_outcome_holds_the_comparison_and_the_arena(tiny: Any) -> None:
    outcome = verify_int8(tiny.tflite, tiny.images)

    assert outcome.to_dict() == {
        "images": 16,
        "equal_to_micro": True,
        "differing_values": 0,
        "arena_bytes": MicroModel(tiny.tflite).arena_bytes,
        "reason": None,
    }


def test_a_single_differing_value_is_counted(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class OffByOne:
        arena_bytes = 1000

        def __init__(self, tflite: bytes) -> None:
            self.reference = verify_module.ReferenceModel(tflite)

        def predict_int8(self, images: np.ndarray, progress: object) -> np.ndarray:
            outputs = self.reference.predict_int8(images)
            outputs[2, 3, 4, 0] ^= 1
            return outputs

    monkeypatch.setattr(verify_module, "MicroModel", OffByOne)
    monkeypatch.setattr(verify_module, "micro_available", lambda: True)

    outcome = verify_int8(tiny.tflite, tiny.images)

    assert (outcome.equal_to_micro, outcome.differing_values) == (False, 1)


def test_without_micro_nothing_is_claimed(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_module, "micro_available", lambda: False)

    outcome = verify_int8(tiny.tflite, tiny.images)

    assert outcome.equal_to_micro is None
    assert outcome.arena_bytes is None
    assert outcome.reason == "tflite-micro is not installed; run: pip install 'nano-u[mcu]'"


def test_no_image_proves_nothing(tiny: Any) -> None:
    with pytest.raises(DeployError, match="at least one image"):
        verify_int8(tiny.tflite, tiny.images[:0])
