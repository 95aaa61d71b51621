"""Annotations: the faces of a CSV, COCO or dlib file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Annotation(NamedTuple):
    """One annotated face.

    Attributes:
        image: Name of the image as the file states it.
        points: float32 (N, 2), pixels, NaN where missing.
        mask: bool (N,), which points are annotated.
        hidden: bool (N,), which points the file marks as not visible, annotated or not.
        visible: bool (N,), which points the file marks as visible.
        box: (4,) x0, y0, x1, y1 in pixels, or None if the file states none.
    """

    image: str
    points: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    visible: np.ndarray
    box: np.ndarray | None


@dataclass(frozen=True, eq=False)
class AnnotationFile:
    """The faces of a file, and how it names their points.

    Attributes:
        faces: The faces, in the order of the file.
        names: One name for each point; empty if the file does not name them.
        category: Name of the COCO category; empty if there is none.
        skeleton: Lines between points as the file states them, unchecked; COCO counts from 1.
    """

    faces: list[Annotation]
    names: tuple[str, ...] = ()
    category: str = ""
    skeleton: Any = None
