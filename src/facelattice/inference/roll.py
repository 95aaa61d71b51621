"""The in-plane roll of faces: the rotation of a crop in which the face is upright.

    roll = measure_roll(points, scheme)  # degrees, clockwise; None if the scheme does not define it
    matrix = geometry.crop_transform(box, size, margin, rotation=-roll)

Networks are trained on faces with rolls up to about 45 degrees. `follow_roll` changes the roll of a crop only where the
face in it is rotated by more than `MAX_ROLL`, so crops of upright faces are not rotated.
"""

from __future__ import annotations

import numpy as np

from facelattice.schemes import SCHEMES, Scheme, mean_shape

# Rotating every crop by less would not make the points more accurate, see docs/experiments.md.
MAX_ROLL = 30.0  # degrees


def measure_roll(points: np.ndarray, scheme: Scheme) -> float | None:
    """Measure the in-plane roll of a face.

    Args:
        points: Points (N, 2) of the face.
        scheme: Their scheme.

    Returns:
        Degrees, clockwise in the image, -180 to 180: the rotation of the least-squares fit of the mean shape of a
        built-in scheme, or of the line between the eyes of another scheme. None for another scheme without eyes.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991.
    """
    x, y = np.asarray(points, dtype=np.float64).T
    eyes = scheme.ocular or scheme.pupils
    if scheme.name in SCHEMES:
        shape_x, shape_y = (mean_shape(scheme) - mean_shape(scheme).mean(0)).T
        along, across = shape_x @ x + shape_y @ y, shape_x @ y - shape_y @ x
    elif eyes is not None:
        left, right = (list(ids) for ids in eyes)
        along, across = x[right].mean() - x[left].mean(), y[right].mean() - y[left].mean()
    else:
        return None
    return float(np.degrees(np.arctan2(across, along)))


def follow_roll(roll: float, points: np.ndarray, scheme: Scheme) -> float:
    """Return the roll for the next crop of a face.

    Args:
        roll: Roll of the crop in which the points were predicted, degrees.
        points: Points (N, 2) of the face in the image.
        scheme: Their scheme.

    Returns:
        ``roll`` if the measured roll is within `MAX_ROLL` of it, or unknown; otherwise the measured roll. Degrees.
    """
    measured = measure_roll(points, scheme)
    if measured is None or not abs(normalize_roll(measured - roll)) > MAX_ROLL:  # NaN changes nothing
        return roll
    return measured


def normalize_roll(roll: float) -> float:
    """Return the same angle above -180 and up to 180 degrees."""
    return 180 - (180 - roll) % 360
