"""The table of a project: the CSV file of the annotations, which `facelattice train` reads.

Columns: image, x0, y0, x1, y1, ..., visibility, done. Each face has a row; missing points are pairs of empty cells. An
image without a face has one row without points. Rows with 0 in the column done are left out when the table is read as a
dataset.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facelattice.exceptions import DataError
from facelattice.formats.csv import coordinate_cells, coordinate_columns
from facelattice.formats.csv_reader import read_csv_file
from facelattice.schemes import Scheme


@dataclass(frozen=True, eq=False)
class FaceAnnotation:
    """The points of one face.

    Attributes:
        points: float32 (N, 2), pixels of the image, NaN for missing points.
        hidden: bool (N,), which points are hidden by an object.
    """

    points: np.ndarray
    hidden: np.ndarray


def image_rows(name: str, faces: Sequence[FaceAnnotation], done: bool, num_points: int) -> str:
    """Return the rows of an image as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for face in faces or [FaceAnnotation(np.full((num_points, 2), np.nan), np.zeros(num_points, bool))]:
        known = np.isfinite(face.points).all(1)
        digits = "".join("2" if not ok else str(int(hidden)) for ok, hidden in zip(known, face.hidden, strict=True))
        writer.writerow([name, *coordinate_cells(face.points, known), digits if known.any() else "", int(done)])
    return text.getvalue()


def header(num_points: int) -> str:
    """Return the first line of a table."""
    return ",".join(["image", *coordinate_columns(num_points), "visibility", "done\n"])


def row_version(rows: str) -> str:
    """Return the version of the rows of an image, a digest of their content. A restart does not change it."""
    return hashlib.sha256(rows.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def read_table(path: Path, scheme: Scheme) -> dict[str, tuple[list[FaceAnnotation], bool]]:
    """Read the table of a project.

    Args:
        path: The table.
        scheme: Scheme of its points.

    Returns:
        For each image, by its name in the table, its faces and whether it is done.

    Raises:
        DataError: If the table has another number of points than the scheme.
        FormatError: If the table is damaged; it names file and line.
    """
    images: dict[str, tuple[list[FaceAnnotation], bool]] = {}
    for face in read_csv_file(path, only_done=False).faces:
        if len(face.points) != len(scheme):
            raise DataError(
                f"{path}: its faces have {len(face.points)} points, but {scheme.name} has {len(scheme)}; give another "
                "table with --out, or the scheme of this one"
            )
        faces, _ = images.setdefault(face.image, ([], face.done))
        if face.mask.any():
            faces.append(FaceAnnotation(face.points, face.hidden & face.mask))
    return images
