"""The course of a path over the ground: a curved band, perhaps with a branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nano_u.data.terrain_noise import FloatArray

START = 2.0  # camera heights ahead, about where the frame begins
REACH = 8.0


@dataclass(frozen=True)
class Lane:
    """One band. The centre line is `offset + heading s + bend s^2 / (1 + s / REACH) + sway`, with s from START."""

    offset: float
    heading: float
    bend: float
    sway: float
    sway_phase: float
    half_width: float
    begins: float = 0.0

    def centre(self, z: FloatArray | float) -> FloatArray:
        """Centre line at distance `z`."""
        s = np.asarray(z, np.float32) - np.float32(START)
        curved = self.bend * s * s / (1.0 + np.abs(s) / REACH)
        swayed = self.sway * np.sin(0.7 * s + self.sway_phase)
        return np.asarray(self.offset + self.heading * s + curved + swayed, np.float32)

    def lateral(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Signed distance from the centre line, at right angles to it, in half widths."""
        centre = self.centre(z)
        slope = (self.centre(z + np.float32(0.05)) - centre) * np.float32(20.0)
        lateral = (x - centre) / (np.sqrt(1.0 + slope * slope) * np.float32(self.half_width))
        if self.begins > 0.0:
            lateral = np.where(z < self.begins, np.float32(1e3), lateral)
        return lateral


def draw_lanes(half_width: float, rng: np.random.Generator) -> tuple[Lane, ...]:
    """No lane in 2 % of draws, two in 6 %, else one."""
    kind = rng.random()
    if kind < 0.02:
        return ()
    heading = rng.uniform(-0.35, 0.35)
    main = Lane(
        offset=float(rng.uniform(-1.2, 1.2)),
        heading=float(heading),
        bend=float(rng.normal(0.0, 0.04) - 0.05 * heading),
        sway=float(rng.uniform(0.0, 0.1)),
        sway_phase=float(rng.uniform(0.0, 2.0 * np.pi)),
        half_width=float(half_width * rng.uniform(0.8, 1.2)),
    )
    if kind > 0.08:
        return (main,)
    begins = float(rng.uniform(2.5, 4.5))
    side = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 0.8))
    branch = Lane(
        offset=float(main.centre(begins)) - side * (begins - START),
        heading=side,
        bend=0.0,
        sway=0.0,
        sway_phase=0.0,
        half_width=float(main.half_width * rng.uniform(0.7, 1.0)),
        begins=begins,
    )
    return (main, branch)


def band(lanes: tuple[Lane, ...], x: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`(outside, lateral)`: distance beyond the nearest lane's edge (negative on it) and place across that lane."""
    outside = np.full(x.shape, 1e3, np.float32)
    lateral = np.full(x.shape, 1e3, np.float32)
    for lane in lanes:
        across = lane.lateral(x, z)
        beyond = (np.abs(across) - 1.0) * np.float32(lane.half_width)
        nearer = beyond < outside
        outside = np.where(nearer, beyond, outside)
        lateral = np.where(nearer, across, lateral)
    return outside, lateral
