"""Faces of files in which each point has a name, and missing points are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.formats.annotation import Annotation, AnnotationFile


@dataclass
class NamedFace:
    """One face.

    Attributes:
        image: Name of the image as the file states it.
        where: File and place, for errors.
        box: (4,) x0, y0, x1, y1 in pixels, or None if the file states none.
        points: x and y of each point by its name, in pixels; None for a missing point whose name is stated.
        hidden: Names of the points that the file marks as hidden.
    """

    image: str
    where: str
    box: np.ndarray | None = None
    points: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def add(self, name: str, point: tuple[float, float] | None, is_hidden: bool = False) -> None:
        """Add a point.

        Raises:
            FormatError: If the face has a point of this name.
        """
        if name in self.points:
            raise FormatError(f"{self.where}: the part {name!r} occurs twice")
        self.points[name] = point
        if is_hidden and point is not None:
            self.hidden.add(name)


def collect_faces(
    faces: Sequence[NamedFace], names: Sequence[str] | None = None, images_without_faces: Sequence[str] = ()
) -> AnnotationFile:
    """Convert the faces of a file to annotations with the same points in the same order.

    If the file marks points as hidden, the others are visible; if it marks none, their visibility is unknown.

    Args:
        faces: The faces of a file.
        names: Names of the points in their order; None for the order in which they first occur.
        images_without_faces: See `AnnotationFile`.
    """
    if names is None:
        names = list(dict.fromkeys(name for face in faces for name in face.points))
    states_visibility = any(face.hidden for face in faces)
    annotations = []
    for face in faces:
        known = [face.points.get(name) for name in names]
        points = np.array([(np.nan, np.nan) if point is None else point for point in known], np.float32).reshape(-1, 2)
        mask = np.isfinite(points[:, 0])
        hidden = np.array([name in face.hidden for name in names], bool)
        visible = mask & ~hidden & states_visibility
        annotations.append(Annotation(face.image, points, mask, hidden, visible, face.box))
    return AnnotationFile(annotations, tuple(names), images_without_faces=images_without_faces)
