"""Annotation: one annotated face of a COCO or dlib file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Annotation(NamedTuple):
    """One annotated face.

    Attributes:
        image: Name of the image as the file states it.
        points: float32 (N, 2), pixels, NaN where missing.
        mask: bool (N,), which points are annotated.
        hidden: bool (N,), which of the annotated points are occluded.
        box: (4,) x0, y0, x1, y1 in pixels, or None if the file states none.
    """

    image: str
    points: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    box: np.ndarray | None
