"""Seamless noise tiles with pre-averaged levels, so that distant ground is sampled without aliasing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
"""float32 at run time; NumPy's own stubs lose the precision in arithmetic."""

SIDE = 256  # texels; a power of two, so that wrapping is a bit mask
LEVELS = 6
_WRAP = SIDE - 1
_TILE_SEED = 20_240_229  # tiles are the same for every data set; images differ by where they read them


@dataclass(frozen=True, eq=False)
class NoiseTile:
    """One periodic noise field of zero mean and unit deviation; level k is averaged over 2^k x 2^k texels."""

    texels: FloatArray

    def sample(self, u: FloatArray, v: FloatArray, level: FloatArray | float = 0.0) -> FloatArray:
        """Values at `(u, v)`, in texels, wrapping around, bilinear; `level` is cut to a whole number that exists."""
        left, top = np.floor(u), np.floor(v)
        right_share, low_share = u - left, v - top
        column, row = left.astype(np.int32), top.astype(np.int32)
        base = np.clip(np.asarray(level), 0, LEVELS - 1).astype(np.int32) * (SIDE * SIDE)
        first, second = column & _WRAP, (column + 1) & _WRAP
        upper, lower = base + (row & _WRAP) * SIDE, base + ((row + 1) & _WRAP) * SIDE
        above = _mix(self.texels.take(upper + first), self.texels.take(upper + second), right_share)
        below = _mix(self.texels.take(lower + first), self.texels.take(lower + second), right_share)
        return _mix(above, below, low_share)


@dataclass(frozen=True, eq=False)
class NoiseTiles:
    """The two textures everything is made of: soft blotches and grain of single texels."""

    blotches: NoiseTile
    grain: NoiseTile


@functools.cache
def noise_tiles() -> NoiseTiles:
    """The tiles, made on first use."""
    rng = np.random.default_rng(_TILE_SEED)
    blotches = _tile(rng, [(4, 1.0), (8, 0.8), (16, 0.6), (32, 0.45), (64, 0.3), (128, 0.2)])
    grain = _tile(rng, [(32, 0.4), (64, 0.6), (128, 1.0), (256, 1.0)])
    return NoiseTiles(blotches, grain)


def smoothstep(low: float, high: float, x: FloatArray) -> FloatArray:
    """0 at `low` and before, 1 at `high` and beyond, a smooth ramp between; `high` may be the smaller."""
    t: FloatArray = (x - np.float32(low)) * np.float32(1.0 / (high - low))
    np.clip(t, 0.0, 1.0, out=t)
    return t * t * (3.0 - 2.0 * t)


def _mix(first: FloatArray, second: FloatArray, share: FloatArray) -> FloatArray:
    return first + share * (second - first)


def _tile(rng: np.random.Generator, octaves: Sequence[tuple[int, float]]) -> NoiseTile:
    field = np.zeros((SIDE, SIDE))
    for cells, amplitude in octaves:
        weights = _interpolation(cells)
        octave = weights @ rng.standard_normal((cells, cells)) @ weights.T
        field += amplitude * octave / octave.std()
    field = (field - field.mean()) / field.std()
    levels = []
    for level in range(LEVELS):
        step = 2**level
        means = field.reshape(SIDE // step, step, SIDE // step, step).mean(axis=(1, 3))
        levels.append(means.repeat(step, axis=0).repeat(step, axis=1))
    return NoiseTile(np.stack(levels).astype(np.float32).ravel())


def _interpolation(cells: int) -> NDArray[np.float64]:
    """Periodic smooth interpolation from `cells` lattice points to SIDE texels, as a matrix."""
    position = np.arange(SIDE) * (cells / SIDE)
    left = position.astype(int)
    share = position - left
    share = share * share * (3.0 - 2.0 * share)
    weights = np.zeros((SIDE, cells))
    weights[np.arange(SIDE), left] = 1.0 - share
    weights[np.arange(SIDE), (left + 1) % cells] += share
    return weights
