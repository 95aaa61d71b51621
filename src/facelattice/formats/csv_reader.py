"""Reader of CSV tables with one face in each row and empty cells for missing points.

The columns of the points are x0,y0,x1,y1,... or NAME_x,NAME_y for the points of a scheme.
"""

from __future__ import annotations

import csv
import math
import os
import re
import reprlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.formats.csv import Row
from facelattice.formats.parsing import check_image_name, open_text, parse_point
from facelattice.formats.result_columns import RESULT_COLUMNS
from facelattice.messages import get_logger, list_some

HEADER = "image,x0,y0,x1,y1,..."
KNOWN_COLUMNS = {"image", "face", "score", "visibility", "done", *RESULT_COLUMNS}
VISIBLE, HIDDEN, UNKNOWN = "0", "12", "-"  # of the column visibility; 2 is a point hidden by the face itself


@dataclass
class _Columns:
    """Indices of the columns."""

    image: int
    points: list[tuple[int, int]]
    names: tuple[str, ...]
    visibility: int | None
    done: int | None


def read_csv(path: str | os.PathLike[str]) -> list[Row]:
    """Read a CSV table with the header image,x0,y0,x1,y1,..., or image,NAME_x,NAME_y,...

    A point with two empty cells, or "nan", is missing. Rows with 0 in a column done are left out. Other columns are
    ignored; a warning names them.

    Returns:
        (name of the image, points float32 (N, 2) with NaN where missing, mask bool (N,)) for each row.

    Raises:
        FormatError: If the table is damaged; it names file and line.
    """
    return [(face.image, face.points, face.mask) for face in read_csv_file(path).faces]


def read_csv_file(path: str | os.PathLike[str], only_done: bool = True) -> AnnotationFile:
    """Read what `read_csv` returns, with the names of the points and their visibility.

    The column visibility has a digit for each point: 0 visible, 1 hidden by something, 2 hidden by the face itself, or
    - if it is unknown. The column done is that of `facelattice annotate`: 0 for an image that is not finished.

    Args:
        path: The table.
        only_done: Leave out rows that are not done. In a table with the column done, rows without points are images
            that contain no face.
    """
    with open_text(path) as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            columns = _find_columns(header, f"{path}, line 1")
            faces = [
                _read_row(cells, header, columns, f"{path}, line {reader.line_num}")
                for cells in reader
                if any(map(str.strip, cells))
            ]
        except csv.Error as error:
            raise FormatError(f"{path}, line {reader.line_num}: {error}") from error
    without_faces: dict[str, None] = {}
    if only_done and columns.done is not None:
        without_faces = dict.fromkeys(face.image for face in faces if face.done and not face.mask.any())
        faces = [face for face in faces if face.done and face.mask.any()]
    used = {columns.image, columns.visibility, *(i for pair in columns.points for i in pair)}
    ignored = [name for i, name in enumerate(header) if i not in used and name and name not in KNOWN_COLUMNS]
    if ignored:
        get_logger().warning("%s: ignored columns: %s", path, list_some([reprlib.repr(name) for name in ignored], 10))
    return AnnotationFile(faces, columns.names, images_without_faces=tuple(without_faces))


def _find_columns(header: list[str], where: str) -> _Columns:
    if not any(header):
        raise FormatError(f"{where}: the file is empty or has no header; the first line must be {HEADER}")
    for name, count in Counter(filter(None, header)).items():
        if count > 1:
            raise FormatError(f"{where}: the column {name!r} occurs twice")
    index = {name: i for i, name in enumerate(header)}
    if "image" not in index:
        raise FormatError(f"{where}: the column 'image' is missing; expected {HEADER} with commas")
    points, names = _numbered_points(index, where)
    if not points:
        points, names = _named_points(index)
    if not points:
        raise FormatError(f"{where}: there are no points; expected {HEADER}")
    return _Columns(index["image"], points, names, index.get("visibility"), index.get("done"))


def _numbered_points(index: dict[str, int], where: str) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """Find the columns x0, y0, x1, ..., also written x_0."""
    numbered = [match for name in index if (match := re.fullmatch(r"([xy])(_?)(\d{1,9})", name))]
    if not numbered:
        return [], ()
    separator = numbered[0][2]
    num_points = max(sum(match[1] == axis for match in numbered) for axis in "xy")
    names = [(f"x{separator}{i}", f"y{separator}{i}") for i in range(num_points)]
    for name in (name for pair in names for name in pair):
        if name not in index:
            raise FormatError(f"{where}: the column {name!r} is missing; expected {HEADER} with commas")
    return [(index[x], index[y]) for x, y in names], ()


def _named_points(index: dict[str, int]) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """Find the columns NAME_x and NAME_y, but not those of a box: named so, or with NAME_w or NAME_width."""
    found = {}
    for column, i in index.items():
        match = re.search(r"(?<=[^\W_])([\W_]{1,3})([xX])$", column)
        if match:
            name, (separator, x) = column[: match.start()], match.groups()
            y = index.get(f"{name}{separator}{'y' if x == 'x' else 'Y'}")
            sizes = {f"{name}{separator}{size}" for size in ("w", "width", "W", "Width")}
            if y is not None and not sizes & index.keys() and name.lower() not in ("box", "bbox"):
                found[name] = (i, y)
    return list(found.values()), tuple(found)


def _read_row(cells: list[str], header: list[str], columns: _Columns, where: str) -> Annotation:
    if len(cells) != len(header):
        raise FormatError(f"{where}: {len(cells)} columns, but the header has {len(header)}")
    image = check_image_name(cells[columns.image].strip(), where)
    points = np.array([_point(cells[x], cells[y], header[x], header[y], where) for x, y in columns.points])
    digits = _visibility("" if columns.visibility is None else cells[columns.visibility], len(points), where)
    visible, hidden = (np.array([digit in some for digit in digits]) for some in (VISIBLE, HIDDEN))
    done = columns.done is None or cells[columns.done].strip() != "0"
    return Annotation(image, points.astype(np.float32), ~np.isnan(points[:, 0]), hidden, visible, None, done)


def _point(x: str, y: str, x_name: str, y_name: str, where: str) -> tuple[float, float]:
    missing = [cell.strip().lower() in ("", "nan") for cell in (x, y)]
    if all(missing):
        return math.nan, math.nan
    if any(missing):
        raise FormatError(
            f"{where}: {x_name} is {x!r} and {y_name} is {y!r}; fill in both, or neither if the point is missing"
        )
    return parse_point([x, y], f"{where}, {x_name} and {y_name}")


def _visibility(cell: str, num_points: int, where: str) -> list[str]:
    """Split the digits of a cell; each is unknown if the cell is empty."""
    digits = "".join(cell.split())
    if not digits:
        return [UNKNOWN] * num_points
    if len(digits) != num_points or not set(digits) <= set(VISIBLE + HIDDEN + UNKNOWN):
        raise FormatError(f"{where}: visibility must have {num_points} digits 0, 1, 2 or -, not {reprlib.repr(cell)}")
    return list(digits)
