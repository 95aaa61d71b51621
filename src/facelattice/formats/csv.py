"""CSV tables: image,x0,y0,x1,y1,... with one face in each row and empty cells for missing points."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.atomic import atomic_write
from facelattice.formats.parsing import parse_point

Row = tuple[str, np.ndarray, np.ndarray]  # name of the image, points (N, 2), mask (N,)


class CsvTable:
    """Encodes faces of images as a CSV table with the columns image, face, score, x0, y0, ..."""

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
            num_points = _write_row(writer, cells, face.points, np.isfinite(face.points).all(1), num_points)
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


def read_csv(path: str | os.PathLike[str]) -> list[Row]:
    """Read a CSV table with the header image,x0,y0,x1,y1,...

    A point with two empty cells, or "nan", is missing. The columns face and score are ignored.

    Returns:
        (name of the image, points float32 (N, 2) with NaN where missing, mask bool (N,)) for each row.

    Raises:
        FormatError: If the table is damaged; it names file and line.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            columns = _point_columns(header, f"{path}, line 1")
            image = header.index("image")
            rows: list[Row] = []
            for cells in reader:
                if not any(map(str.strip, cells)):
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise FormatError(f"{where}: {len(cells)} columns, but the header has {len(header)}")
                if not cells[image].strip():
                    raise FormatError(f"{where}: the name of the image is missing")
                points = np.array([_point(cells[x], cells[y], i, where) for i, (x, y) in enumerate(columns)])
                rows.append((cells[image].strip(), points.astype(np.float32), ~np.isnan(points[:, 0])))
        except csv.Error as error:
            raise FormatError(f"{path}, line {reader.line_num}: {error}") from error
    return rows


def _write_row(writer: Any, cells: list[Any], points: np.ndarray, mask: np.ndarray, num_points: int | None) -> int:
    """Write one face, and the header before the first; return the number of points of the table."""
    if num_points is None:
        num_points = len(points)
        writer.writerow([*(_HEADER if len(cells) > 1 else ["image"]), *_point_names(num_points)])
    if len(points) != num_points:
        raise FormatError(
            f"{cells[0]}: {len(points)} points, but the rows before have {num_points}; a CSV table holds one scheme"
        )
    writer.writerow([*cells, *(f"{v:.3f}" if ok else "" for p, ok in zip(points, mask, strict=True) for v in p)])
    return num_points


def _point_columns(header: list[str], where: str) -> list[tuple[int, int]]:
    """Find the columns of x and y of each point."""
    if not any(header):
        raise FormatError(f"{where}: the file is empty or has no header; the first line must be image,x0,y0,x1,y1,...")
    for name in header:
        if header.count(name) > 1:
            raise FormatError(f"{where}: the column {name!r} occurs twice")
    num_points = sum(name[:1] == "x" and name[1:].isdecimal() for name in header)
    known = ["image", *_point_names(num_points)]
    if missing := [name for name in known if name not in header]:
        raise FormatError(f"{where}: the column {missing[0]!r} is missing; expected image,x0,y0,x1,y1,... with commas")
    if unknown := [name for name in header if name not in [*known, "face", "score"]]:
        raise FormatError(f"{where}: unknown column {unknown[0]!r}; expected image,x0,y0,x1,y1,...")
    if num_points == 0:
        raise FormatError(f"{where}: there are no points; expected image,x0,y0,x1,y1,...")
    return [(header.index(f"x{i}"), header.index(f"y{i}")) for i in range(num_points)]


def _point(x: str, y: str, i: int, where: str) -> tuple[float, float]:
    missing = [cell.strip().lower() in ("", "nan") for cell in (x, y)]
    if all(missing):
        return math.nan, math.nan
    if any(missing):
        raise FormatError(f"{where}: x{i} is {x!r} and y{i} is {y!r}; fill in both, or neither if the point is missing")
    return parse_point([x, y], f"{where}, point {i}")


def _point_names(num_points: int) -> list[str]:
    return [f"{axis}{i}" for i in range(num_points) for axis in "xy"]
