"""Points that stand still where the face does, and follow at once where it moves.

    smooth = FaceSmoother()
    for time, face in ...:
        points = smooth(face.points, face.expected_errors, time)

The One Euro filter (Casiez, Roussel and Vogel, CHI 2012): a low-pass filter whose cutoff frequency rises with speed, so
that it is slow at rest, where jitter shows, and fast in motion, where lag does. It runs on the face's pose, and on the
shape that is left when the pose is taken out: a head that turns or comes nearer moves all points at once, and no point
is held back by how much it moves within the face.
"""

from __future__ import annotations

import math

import numpy as np

from facelattice import geometry

# Chosen on clips made from training photos (`benchmarks/video.py`): the least error in motion that leaves less than
# a quarter of the jitter at rest.
POSE_CUTOFF, POSE_BETA = 0.2, 120.0  # Hz at rest; Hz more for each face side, unit of log size, or radian a second
SHAPE_CUTOFF, SHAPE_BETA = 0.4, 10.0  # the same within the face, for a point that is sure
UNSURE = 0.03  # a point with this expected error, as a share of the face's side, moves half as fast as a sure one
SLOPE_CUTOFF = 1.0  # Hz: speeds are noisy too


class OneEuro:
    """The filter, for arrays (..., D) whose speed is the length of the last axis."""

    def __init__(self, cutoff: float, beta: float):
        self.cutoff, self.beta = cutoff, beta
        self.value: np.ndarray | None = None
        self.slope: np.ndarray = np.zeros(1)

    def __call__(
        self, value: np.ndarray, seconds: float, unit: float = 1.0, trust: float | np.ndarray = 1.0
    ) -> np.ndarray:
        """The filtered value, ``seconds`` after the last. Speeds are measured in ``unit``; ``trust`` multiplies the
        cutoff."""
        if self.value is None:
            self.value, self.slope = value, np.zeros_like(value)
        elif seconds > 0:
            slope = (value - self.value) / seconds
            self.slope = self.slope + _share(SLOPE_CUTOFF, seconds) * (slope - self.slope)
            speed = np.linalg.norm(self.slope, axis=-1, keepdims=True) / unit
            self.value = self.value + _share(trust * (self.cutoff + self.beta * speed), seconds) * (value - self.value)
        return self.value


def _share(cutoff: float | np.ndarray, seconds: float) -> float | np.ndarray:
    """How much of the way to a new value a low-pass filter of that cutoff goes in that time."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


class FaceSmoother:
    """Smooths the points of one face over time. strength: 1 as tuned, 2 for half the cutoffs; finite and above 0."""

    def __init__(self, strength: float = 1.0):
        if not 0 < strength < math.inf:
            raise ValueError(f"smoothing needs a finite strength above 0, not {strength}; to turn it off, don't smooth")
        self._place, self._size, self._angle = (
            OneEuro(POSE_CUTOFF / strength, POSE_BETA / strength) for _ in range(3)
        )
        self._shape = OneEuro(SHAPE_CUTOFF / strength, SHAPE_BETA / strength)
        self._time = 0.0

    def __call__(self, points: np.ndarray, errors: np.ndarray, time: float) -> np.ndarray:
        """Points (N, 2) and expected errors (N,), pixels, seen at a time, seconds -> smoothed points float32 (N, 2)."""
        points, seconds, self._time = np.asarray(points, np.float64), time - self._time, time
        box = geometry.points_box(points)
        side = geometry.box_side(box)
        errors = np.maximum(errors, 0.002 * side)  # nothing is so sure that it alone says where the face is
        reference = (points - geometry.box_center(box)) / side if self._shape.value is None else self._shape.value
        pose = geometry.similarity(reference, points, errors**-2.0)
        angle = math.atan2(pose[1, 0], pose[0, 0])
        if self._angle.value is not None:  # the turn that is nearest to the last
            angle += 2 * math.pi * round((float(self._angle.value[0]) - angle) / (2 * math.pi))
        trust = 1 / (1 + (errors / (UNSURE * side)) ** 2)
        within = geometry.apply(geometry.invert(pose), points).astype(np.float64)
        shape = self._shape(within, seconds, trust=trust[:, None])
        place = self._place(pose[:, 2], seconds, unit=side)
        (size,) = self._size(np.array([math.log(geometry.transform_scale(pose))]), seconds)
        (angle,) = self._angle(np.array([angle]), seconds)
        cos, sin = math.exp(size) * math.cos(angle), math.exp(size) * math.sin(angle)
        return geometry.apply(np.array([[cos, -sin, place[0]], [sin, cos, place[1]]]), shape)
