"""Keypoints with visibility, as COCO and YOLO state them: x, y and v, or x, y and a confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.formats.parsing import MAX_COORDINATE

MISSING, HIDDEN, VISIBLE = 0, 1, 2


class Keypoints(NamedTuple):
    """The points of one face.

    Attributes:
        points: float32 (N, 2), pixels, NaN where missing.
        mask: bool (N,), which points are annotated.
        hidden: bool (N,), annotated points that the file marks as not visible.
        visible: bool (N,), annotated points that the file marks as visible.
    """

    points: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    visible: np.ndarray


def interpret_keypoints(faces: Sequence[tuple[np.ndarray, str]]) -> list[Keypoints]:
    """Interpret the third values of the keypoints of a file as visibility or confidence.

    Many files have the same value for all points, 1 or 2, without knowing the visibility: a point is hidden or visible
    only if the file has both values. If any value is not a whole number, all are confidences, and points with a
    confidence above 0 are present.

    Args:
        faces: The float64 array (N, 3) of each face, x and y in pixels; and file and place, for errors.

    Raises:
        FormatError: If a third value is something else, or the coordinates of a point that is present are not finite.
    """
    third = np.concatenate([values[:, 2] for values, _ in faces]) if faces else np.zeros(0)
    are_confidences = bool((third != np.round(third)).any())
    states_visibility = not are_confidences and bool((third == VISIBLE).any() and (third == HIDDEN).any())
    found = []
    for values, where in faces:
        v = values[:, 2]
        if not are_confidences and not np.isin(v, (MISSING, HIDDEN, VISIBLE)).all():
            raise FormatError(f"{where}: the third value of a keypoint is 0, 1 or 2, or a confidence, not {v.max():g}")
        mask = (v > 0) & ~np.isnan(values[:, :2]).all(1)
        if not np.isfinite(values[mask]).all() or (np.abs(values[mask]) > MAX_COORDINATE).any():
            raise FormatError(f"{where}: keypoints must be a list of finite numbers")
        points = np.where(mask[:, None], values[:, :2], np.nan).astype(np.float32)
        hidden, visible = (mask & (v == value) & states_visibility for value in (HIDDEN, VISIBLE))
        found.append(Keypoints(points, mask, hidden, visible))
    return found


def visibility_flags(mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return v for each point, int (N,); a point that is not known to be hidden counts as visible."""
    return np.where(mask, np.where(hidden, HIDDEN, VISIBLE), MISSING)
