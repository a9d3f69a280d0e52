from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from nano_u.deploy import ReferenceModel, Verification, build_export_record


def test_the_int8_threshold_cuts_where_the_probability_does(tiny: Any) -> None:
    record = build_export_record(tiny.tflite, model="tiny", threshold=0.6, calibration_images=16)
    reference = ReferenceModel(tiny.tflite)
    quantised = reference.predict_int8(reference.quantise(tiny.images))

    foreground = 1 / (1 + np.exp(-reference.predict(tiny.images).astype(np.float64))) >= 0.6

    assert ((quantised >= record.int8_threshold) == foreground).all()
    assert foreground.any()
    assert not foreground.all()


def test_the_record_is_strict_json_with_what_firmware_needs(tiny: Any) -> None:
    verification = Verification(5, True, 0, 9_000)
    record = build_export_record(
        tiny.tflite, model="tiny", threshold=0.5, calibration_images=16, verification=verification
    )

    data = json.loads(json.dumps(record.to_dict(), allow_nan=False))

    assert data["format"] == 1
    assert data["sha256"] == hashlib.sha256(tiny.tflite).hexdigest()
    assert data["input_shape"] == [1, 16, 16, 3]
    assert data["input_quantization"]["zero_point"] == -128
    assert data["output_kind"] == "logit"
    assert data["int8_threshold"] == data["output_quantization"]["zero_point"]
    assert data["summary"]["file_bytes"] == len(tiny.tflite)
    assert data["verification"]["arena_bytes"] == 9_000
