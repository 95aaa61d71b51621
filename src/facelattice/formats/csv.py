"""CSV tables: image,x0,y0,x1,y1,... with one face a line and empty cells for missing points."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from facelattice.face import Face
from facelattice.formats.files import atomic_write, numbers

Row = tuple[str, np.ndarray, np.ndarray]


def write_csv(target: str | os.PathLike | IO[str], rows: Iterable[Row]) -> None:
    """Rows (image, points (N, 2), mask (N,)) as image,x0,y0,..., to 1/1000 pixel, into a file or an open text stream.

    Cells of points that the mask leaves out stay empty. Raises ValueError where rows differ in their number of points.
    """
    if hasattr(target, "write"):
        _write_table(target, ["image"], ((image, [image], points, mask) for image, points, mask in rows))
    else:
        with atomic_write(target) as file:
            write_csv(file, rows)


def write_faces_csv(target: str | os.PathLike | IO[str], images: Iterable[tuple[str, Sequence[Face]]]) -> None:
    """Images, as (name, its faces): image,face,score,x0,y0,... with a line for each face, for `read_csv`; into a file
    or an open text stream."""

    def rows() -> Iterator[tuple[str, list[Any], np.ndarray, np.ndarray]]:
        for image, faces in images:
            for k, face in enumerate(faces):
                known = np.isfinite(face.points).all(1)
                yield image, [image, k, f"{face.score:.4f}"], face.points, known

    if hasattr(target, "write"):
        _write_table(target, ["image", "face", "score"], rows())
    else:
        with atomic_write(target) as file:
            _write_table(file, ["image", "face", "score"], rows())


def read_csv(path: str | os.PathLike) -> list[Row]:
    """The rows of a CSV file with the header image,x0,y0,x1,y1,...: (image, points float32 (N, 2), mask bool (N,)).

    A point whose two cells are empty or "nan" is missing: NaN, and False in the mask. An image with several faces has
    several rows. The columns face and score, which `save_faces` writes, are skipped. Raises ValueError, naming file and
    line, where something is wrong.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            columns = _point_columns(f"{path}, line 1", header)
            image = header.index("image")
            rows: list[Row] = []
            for cells in reader:
                if not any(map(str.strip, cells)):
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise ValueError(f"{where}: {len(cells)} columns, but the header has {len(header)}")
                if not cells[image].strip():
                    raise ValueError(f"{where}: no image is named")
                points = np.array([_point(where, i, cells[x], cells[y]) for i, (x, y) in enumerate(columns)])
                rows.append((cells[image].strip(), points.astype(np.float32), ~np.isnan(points[:, 0])))
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    return rows


def _point_columns(where: str, header: list[str]) -> list[tuple[int, int]]:
    """Where x and y of each point stand in a row."""
    if not any(header):
        raise ValueError(f"{where}: the file is empty, or has no header; the first line must be image,x0,y0,x1,y1,...")
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{where}: the column {name!r} stands twice")
    count = sum(name[:1] == "x" and name[1:].isdecimal() for name in header)
    known = ["image", *_point_names(count)]
    if missing := [name for name in known if name not in header]:
        raise ValueError(f"{where}: the column {missing[0]!r} is missing; expected image,x0,y0,x1,y1,... with commas")
    if unknown := [name for name in header if name not in [*known, "face", "score"]]:
        raise ValueError(f"{where}: unknown column {unknown[0]!r}; expected image,x0,y0,x1,y1,...")
    if count == 0:
        raise ValueError(f"{where}: there are no points; expected image,x0,y0,x1,y1,...")
    return [(header.index(f"x{i}"), header.index(f"y{i}")) for i in range(count)]


def _point(where: str, i: int, x: str, y: str) -> tuple[float, float]:
    gone = [cell.strip().lower() in ("", "nan") for cell in (x, y)]
    if all(gone):
        return math.nan, math.nan
    if any(gone):
        raise ValueError(f"{where}: x{i} is {x!r} and y{i} is {y!r}; give both, or leave both empty if it is missing")
    return numbers(f"{where}, point {i}", [x, y])


def _point_names(count: int) -> list[str]:
    return [f"{axis}{i}" for i in range(count) for axis in "xy"]


def _write_table(file: Any, head: list[str], rows: Iterable[tuple[str, list[Any], np.ndarray, np.ndarray]]) -> None:
    """Rows (image, cells under ``head``, points, mask); the header is written with the first row, which knows N."""
    writer = csv.writer(file, lineterminator="\n")
    count = None
    for image, cells, points, mask in rows:
        if count is None:
            count = len(points)
            writer.writerow([*head, *_point_names(count)])
        if len(points) != count:
            raise ValueError(f"{image}: {len(points)} points, but the rows before have {count}; a CSV takes one scheme")
        writer.writerow([*cells, *(f"{v:.3f}" if ok else "" for p, ok in zip(points, mask, strict=True) for v in p)])
    if count is None:
        writer.writerow(head)
