from __future__ import annotations

import numpy as np
import pytest

import nano_u.workflows.device_inputs as device_inputs
from nano_u.errors import DeployError
from nano_u.workflows.device_inputs import NPZ_HEADERS, DeviceInputs

IMAGES = np.zeros((6, 2, 3, 3), np.int8)
FRAMES = np.arange(4 * 5 * 30, dtype=np.int64).astype(np.int8).reshape(4, 5, 30, 1)


@pytest.mark.parametrize(("room", "kept"), [(150, 1), (299, 1), (300, 2), (600, 4), (10_000, 4)])
def test_as_many_camera_pictures_are_kept_as_fit(room: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_inputs, "MOST_INPUT_BYTES", NPZ_HEADERS + IMAGES.nbytes + room)

    some = DeviceInputs(IMAGES, 4, frames=FRAMES).that_fit()

    assert some.images is IMAGES
    np.testing.assert_array_equal(some.frames, FRAMES[:kept])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frames", "room", "said"),
    [(None, -1, "^6 inputs of the network take more than"), (FRAMES, 149, "^6 inputs .* and a picture of the camera")],
)
def test_what_cannot_be_kept_is_refused(
    frames: device_inputs.npt.NDArray[np.int8] | None, room: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_inputs, "MOST_INPUT_BYTES", NPZ_HEADERS + IMAGES.nbytes + room)

    with pytest.raises(DeployError, match=said):
        DeviceInputs(IMAGES, 4, frames=frames).that_fit()
