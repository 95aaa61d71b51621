"""Writer of CSV tables: image,x0,y0,x1,y1,... with one face in each row and empty cells for missing points."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from facelattice.atomic_files import atomic_write
from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.annotation import AnnotatedImage, Annotation
from facelattice.formats.result_columns import CSV_COLUMNS, result_cells

Row = tuple[str, np.ndarray, np.ndarray]  # name of the image, points (N, 2), mask (N,)


class CsvTable:
    """Encodes faces of images as a CSV table with the columns image, face, score, x0, y0, ..., yaw, pitch, roll, ...

    The last columns are `CSV_COLUMNS`.
    """

    def __init__(self) -> None:
        self._num_points: int | None = None

    def add(self, image: str, faces: Sequence[Face]) -> str:
        """Return the rows of an image, after the header if they are the first.

        Raises:
            FormatError: If the faces have another number of points than those before.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        num_points = self._num_points
        for k, face in enumerate(faces):
            cells = [image, k, f"{face.score:.4f}"]
            mask = np.isfinite(face.points).all(1)
            num_points = _write_row(writer, cells, face.points, mask, num_points, result_cells(face))
        self._num_points = num_points
        return text.getvalue()

    def end(self) -> str:
        """Return the end of the table: the header if it has no rows, else nothing."""
        return ",".join(_HEADER) + "\n" if self._num_points is None else ""


_HEADER = ("image", "face", "score")


def write_csv(target: str | os.PathLike[str] | IO[str], rows: Iterable[Row]) -> None:
    """Write annotated faces as image,x0,y0,..., to 1/1000 pixel.

    Args:
        target: A path, or an open text file.
        rows: (name of the image, points (N, 2), mask (N,)) for each face; points outside the mask become empty cells.

    Raises:
        FormatError: If rows differ in their number of points.
    """
    if isinstance(target, (str, os.PathLike)):
        with atomic_write(target) as file:
            write_csv(file, rows)
        return
    writer = csv.writer(target, lineterminator="\n")
    num_points = None
    for image, points, mask in rows:
        num_points = _write_row(writer, [image], points, mask, num_points)
    if num_points is None:
        writer.writerow(["image"])


def annotations_csv(images: Sequence[AnnotatedImage], num_points: int, names: Sequence[str] = ()) -> str:
    """Encode annotations, to 1/1000 pixel, with a column visibility if the visibility of a point is known.

    Args:
        images: The images.
        num_points: Number of points of each face.
        names: Names of the points for columns NAME_x and NAME_y; none for x0, y0, ...
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{name}_{axis}" for name in names for axis in "xy"] if names else coordinate_columns(num_points)
    states_visibility = any((face.hidden | face.visible).any() for image in images for face in image.faces)
    writer.writerow(["image", *columns, *(["visibility"] if states_visibility else [])])
    for image in images:
        for face in image.faces:
            digits = [_visibility_digits(face)] if states_visibility else []
            writer.writerow([image.name, *coordinate_cells(face.points, face.mask), *digits])
    return text.getvalue()


def _visibility_digits(face: Annotation) -> str:
    """Return a digit for each point: 0 visible, 1 hidden, 2 hidden and without a position, - unknown."""
    states = zip(face.mask, face.hidden, face.visible, strict=True)
    return "".join(("1" if known else "2") if hidden else "0" if visible else "-" for known, hidden, visible in states)


def _write_row(
    writer: Any,
    cells: list[Any],
    points: np.ndarray,
    mask: np.ndarray,
    num_points: int | None,
    results: Sequence[str] = (),
) -> int:
    """Write one face, and the header before the first; return the number of points of the table."""
    if num_points is None:
        num_points = len(points)
        first, last = (_HEADER, CSV_COLUMNS) if results else (["image"], [])
        writer.writerow([*first, *coordinate_columns(num_points), *last])
    if len(points) != num_points:
        raise FormatError(
            f"{cells[0]}: {len(points)} points, but the rows before have {num_points}; a CSV table holds one scheme"
        )
    writer.writerow([*cells, *coordinate_cells(points, mask), *results])
    return num_points


def coordinate_cells(points: np.ndarray, mask: np.ndarray) -> list[str]:
    """Return the cells of points (N, 2), to 1/1000 pixel; those outside of the mask, bool (N,), are empty."""
    return [f"{v:.3f}" if ok else "" for p, ok in zip(points.tolist(), mask, strict=True) for v in p]


def coordinate_columns(num_points: int) -> list[str]:
    """Return the names of the columns of points: x0, y0, x1, ..."""
    return [f"{axis}{i}" for i in range(num_points) for axis in "xy"]
