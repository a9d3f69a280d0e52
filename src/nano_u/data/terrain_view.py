"""Perspective: where on the ground each pixel of a frame looks, and where a point on the ground appears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nano_u.data.terrain_noise import FloatArray, noise_tiles

NEAREST, FARTHEST = 0.5, 60.0  # camera heights


@dataclass(frozen=True, eq=False)
class View:
    """A camera one unit above flat ground. Arrays are `(height, width)`; image-plane lengths are in frame widths.

    `across` and `below` are measured from the vanishing point along and at right angles to the (rolled) horizon;
    `x` and `z` are ground coordinates to the right and ahead; `detail` is log2 of a pixel's side on the ground;
    `horizon` is the distance from the frame's top to the vanishing point.
    """

    across: FloatArray
    below: FloatArray
    x: FloatArray
    z: FloatArray
    detail: FloatArray
    is_ground: NDArray[np.bool_]
    focal: float
    roll: float
    horizon: float

    def grain(self, texel: float, rng: np.random.Generator) -> FloatArray:
        """Grain laid on the ground with texels of side `texel`, turned and shifted by `rng`."""
        return noise_tiles().grain.sample(*self._lay(texel, rng), self.detail - np.float32(np.log2(texel)))

    def blotches(self, texel: float, rng: np.random.Generator) -> FloatArray:
        """The same with blotches."""
        return noise_tiles().blotches.sample(*self._lay(texel, rng), self.detail - np.float32(np.log2(texel)))

    def tufts(self, texel: float, rng: np.random.Generator) -> FloatArray:
        """Grain as if on blades that stand on the ground: taller on the frame than wide, the nearer the larger."""
        du, dv = rng.uniform(0.0, 4096.0, size=2)
        u = self.x * np.float32(1.0 / texel) + np.float32(du)
        v = np.log(self.z) * np.float32(0.9 / texel) + np.float32(dv)
        return noise_tiles().grain.sample(u, v, self.detail - np.float32(np.log2(texel)))

    def crop(self, rows: slice) -> View:
        """The same camera seen through some of its rows."""
        return View(
            self.across[rows],
            self.below[rows],
            self.x[rows],
            self.z[rows],
            self.detail[rows],
            self.is_ground[rows],
            self.focal,
            self.roll,
            self.horizon - rows.start / self.across.shape[1],
        )

    def project(self, x: float, z: float) -> tuple[float, float]:
        """`(across, below)` of the ground point `(x, z)`."""
        return self.focal * x / z, self.focal / z

    def _lay(self, texel: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        angle, du, dv = rng.uniform(0.0, 2.0 * np.pi), *rng.uniform(0.0, 4096.0, size=2)
        cosine, sine = np.float32(np.cos(angle) / texel), np.float32(np.sin(angle) / texel)
        return self.x * cosine - self.z * sine + np.float32(du), self.x * sine + self.z * cosine + np.float32(dv)


def look(height: int, width: int, *, focal: float, horizon: float, roll: float) -> View:
    """The view of a frame whose horizon lies `horizon` frame heights below its top; angles in radians."""
    vanishing = horizon * height / width
    column = ((np.arange(width, dtype=np.float32) + 0.5) / width - 0.5)[None, :]
    row = ((np.arange(height, dtype=np.float32) + 0.5) / width - vanishing)[:, None]
    cosine, sine = np.float32(np.cos(roll)), np.float32(np.sin(roll))
    across = column * cosine - row * sine
    below = row * cosine + column * sine
    is_ground = below > focal / FARTHEST
    z = np.clip(focal / np.maximum(below, 1e-6), NEAREST, FARTHEST).astype(np.float32)
    x = across * z / np.float32(focal)
    # Geometric mean of a pixel's width z/focal and depth z^2/focal.
    detail = 1.5 * np.log2(z) - np.float32(np.log2(focal * width))
    return View(across, below, x, z, detail, is_ground, focal, roll, vanishing)
