"""Annotations: the faces of a file that was read, and of an image to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from facelattice import geometry


class Annotation(NamedTuple):
    """One annotated face.

    Attributes:
        image: Name of the image as the file states it.
        points: float32 (N, 2), pixels, NaN where missing.
        mask: bool (N,), which points are annotated.
        hidden: bool (N,), which points the file marks as not visible, annotated or not.
        visible: bool (N,), which points the file marks as visible.
        box: (4,) x0, y0, x1, y1 in pixels, or None if the file states none.
        done: Whether the annotation is finished; tables of `facelattice annotate` also contain unfinished ones.
    """

    image: str
    points: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    visible: np.ndarray
    box: np.ndarray | None
    done: bool = True

    def box_or_points_box(self) -> np.ndarray:
        """Return the box, or the tight box of the points, (4,)."""
        return geometry.face_box(self.points, self.mask) if self.box is None else self.box


class AnnotatedImage(NamedTuple):
    """One image and its faces, to be written.

    Attributes:
        name: Path of the image for the file.
        width: Width in pixels.
        height: Height in pixels.
        faces: The faces, with points in the order of one scheme. Their attribute `image` is ignored.
    """

    name: str
    width: int
    height: int
    faces: Sequence[Annotation]


@dataclass(frozen=True, eq=False)
class AnnotationFile:
    """The faces of a file, its images without faces, and the names of the points.

    Attributes:
        faces: The faces, in the order of the file.
        names: One name for each point; empty if the file does not name them.
        category: Name of the kind of object, such as the COCO category; empty if there is none.
        skeleton: Lines between points as the file states them, unchecked; COCO counts from 1.
        other_names: Other paths that an image may have, by the name that its faces state.
        images_without_faces: Names of images that the file lists without any shape.
    """

    faces: list[Annotation]
    names: tuple[str, ...] = ()
    category: str = ""
    skeleton: Any = None
    other_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    images_without_faces: Sequence[str] = ()
