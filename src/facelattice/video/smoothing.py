"""Smoothing of the points of a face over time, with the One Euro filter.

    smoother = FaceSmoother()
    for time, face in ...:
        points = smoother(face.points, face.expected_errors, time)

The One Euro filter is a low-pass filter whose cutoff frequency rises with speed: it removes jitter at rest and adds
little lag in motion. Here it filters the pose of the face (position, size, roll) and the shape without the pose. So a
moving head moves all its points at once.

Source: Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012.
"""

from __future__ import annotations

import math

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError

# Cutoff frequencies at rest, in Hz, and their increase with speed. Chosen with benchmarks/video.py on training images:
# the smallest error in motion that leaves less than a quarter of the jitter at rest.
POSE_MIN_CUTOFF, POSE_BETA = 0.2, 120.0  # speeds in face sides, units of log size, or radians per second
SHAPE_MIN_CUTOFF, SHAPE_BETA = 0.4, 10.0  # speeds in face sides per second
DERIVATIVE_CUTOFF = 1.0  # Hz
UNCERTAIN_ERROR = 0.03  # of the face side: with this expected error, a point has half the cutoff frequency
MIN_ERROR = 0.002  # of the face side: lower limit of the expected errors, so that no point dominates the fit


class OneEuroFilter:
    """The One Euro filter for arrays (..., D).

    Args:
        min_cutoff: Cutoff frequency at rest, in Hz.
        beta: Increase of the cutoff frequency with speed, the length of the derivative along the last axis.

    Attributes:
        value: The last filtered value; None before the first.
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self.min_cutoff, self.beta = min_cutoff, beta
        self.value: np.ndarray | None = None
        self._derivative: np.ndarray = np.zeros(1)

    def __call__(
        self, value: np.ndarray, seconds: float, unit: float = 1.0, cutoff_scale: float | np.ndarray = 1.0
    ) -> np.ndarray:
        """Filter the next value.

        Args:
            value: The value (..., D).
            seconds: Time since the last value.
            unit: Unit in which speeds are measured.
            cutoff_scale: Factor of the cutoff frequency, a number or (..., 1).

        Returns:
            The filtered value (..., D).
        """
        if self.value is None:
            self.value, self._derivative = value, np.zeros_like(value)
        elif seconds > 0:
            derivative = (value - self.value) / seconds
            self._derivative = self._derivative + _alpha(DERIVATIVE_CUTOFF, seconds) * (derivative - self._derivative)
            speed = np.linalg.norm(self._derivative, axis=-1, keepdims=True) / unit
            cutoff = cutoff_scale * (self.min_cutoff + self.beta * speed)
            self.value = self.value + _alpha(cutoff, seconds) * (value - self.value)
        return self.value


def _alpha(cutoff: float | np.ndarray, seconds: float) -> float | np.ndarray:
    """Return the smoothing factor of a low-pass filter: the weight of the new value."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


class FaceSmoother:
    """Smooths the points of one face over time.

    Args:
        strength: 1 is the tuned value, 2 halves the cutoff frequencies; finite and above 0.

    Raises:
        ArgumentError: If the strength is not allowed.
    """

    def __init__(self, strength: float = 1.0) -> None:
        if not 0 < strength < math.inf:
            raise ArgumentError(
                f"expected a finite strength above 0, not {strength}; without smoothing, use no smoother"
            )
        self._position, self._log_size, self._roll = (
            OneEuroFilter(POSE_MIN_CUTOFF / strength, POSE_BETA / strength) for _ in range(3)
        )
        self._shape = OneEuroFilter(SHAPE_MIN_CUTOFF / strength, SHAPE_BETA / strength)
        self._time = 0.0

    def __call__(self, points: np.ndarray, expected_errors: np.ndarray, time: float) -> np.ndarray:
        """Smooth the points of the next frame.

        Args:
            points: Points (N, 2) in pixels.
            expected_errors: Expected errors (N,) in pixels. Points with large ones are smoothed more.
            time: Time of the frame in seconds.

        Returns:
            Smoothed points, float32 (N, 2).
        """
        points, seconds, self._time = np.asarray(points, np.float64), time - self._time, time
        box = geometry.points_box(points)
        side = geometry.box_side(box)
        errors = np.maximum(expected_errors, MIN_ERROR * side)
        reference = (points - geometry.box_center(box)) / side if self._shape.value is None else self._shape.value
        pose = geometry.similarity(reference, points, errors**-2.0)
        roll = math.atan2(pose[1, 0], pose[0, 0])
        if self._roll.value is not None:  # avoid a jump at 180 degrees
            roll += 2 * math.pi * round((float(self._roll.value[0]) - roll) / (2 * math.pi))
        cutoff_scale = 1 / (1 + (errors / (UNCERTAIN_ERROR * side)) ** 2)
        shape = geometry.apply(geometry.invert(pose), points).astype(np.float64)
        shape = self._shape(shape, seconds, cutoff_scale=cutoff_scale[:, None])
        position = self._position(pose[:, 2], seconds, unit=side)
        (log_size,) = self._log_size(np.array([math.log(geometry.transform_scale(pose))]), seconds)
        (roll,) = self._roll(np.array([roll]), seconds)
        cos, sin = math.exp(log_size) * math.cos(roll), math.exp(log_size) * math.sin(roll)
        return geometry.apply(np.array([[cos, -sin, position[0]], [sin, cos, position[1]]]), shape)
