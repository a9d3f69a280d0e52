"""What a small camera makes of linear light: softness, exposure, white balance, noise, gamma, 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nano_u.data.terrain_noise import FloatArray

_GREY = 0.38  # mean of the linear signal that automatic exposure aims at
_READ_NOISE = 2e-5  # variance


def photograph(radiance: FloatArray, white_balance: FloatArray, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture `(height, width, 3)` of linear `radiance` `(3, height, width)`."""
    if rng.random() < 0.15:
        radiance = _soften(radiance)
    exposure = np.exp(rng.normal(0.0, 0.18)) * _GREY / max(float(radiance.mean()), 0.02)
    balance = white_balance * rng.uniform(0.96, 1.04, size=3)
    signal = radiance * (exposure * balance).astype(np.float32)[:, None, None]
    shot_noise = np.float32(0.0015 * rng.uniform(0.1, 0.7))
    deviation = np.sqrt(shot_noise * signal + np.float32(_READ_NOISE))
    signal += rng.standard_normal(radiance.shape, dtype=np.float32) * deviation
    encoded = np.clip(signal, 0.0, 1.0) ** np.float32(1.0 / 2.2)
    picture: NDArray[np.uint8] = np.rint(encoded * np.float32(255.0)).astype(np.uint8)
    return picture.transpose(1, 2, 0)


def _soften(frame: FloatArray) -> FloatArray:
    """A 3 x 3 blur."""
    padded = np.pad(frame, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = np.float32(0.15) * (padded[:, :-2] + padded[:, 2:]) + np.float32(0.7) * padded[:, 1:-1]
    return np.float32(0.15) * (rows[..., :-2] + rows[..., 2:]) + np.float32(0.7) * rows[..., 1:-1]
