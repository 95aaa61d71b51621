"""Landmarks in files: what is found is written here, and what others annotated is read. Nothing is ever half written.

    save_faces([("photo.jpg", faces)], "out", "json")        # out/photo.json; also "pts" and "csv"
    points = read_pts("photo.pts")                           # (68, 2), counted from 0
    rows = read_csv("train.csv")                             # [("photo.jpg", points, mask), ...]

Coordinates count from 0 with whole numbers at pixel centres. Files of the .pts kind count from 1, as those of 300-W do:
`write_pts` adds the 1 and `read_pts` takes it away.
"""

from __future__ import annotations

import csv
import json
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from facelattice.face import Face

FORMATS = ("json", "pts", "csv")

Row = tuple[str, np.ndarray, np.ndarray]


@contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "w") -> Iterator[IO[Any]]:
    """A file opened for writing, text ("w", UTF-8) or bytes ("wb"), that appears under its name only when it is whole.

    Missing folders are made. Where the body raises, Ctrl-C included, whatever stood at ``path`` before stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".facelattice-{secrets.token_hex(8)}.part"  # the same folder, so that the renaming is atomic
    # surrogateescape: a picture's name on disk need not be valid UTF-8, and still goes through a file and back.
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    try:
        with open(part, mode, **text) as file:  # type: ignore[call-overload]
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def save_faces(
    results: Iterable[tuple[str | os.PathLike, Sequence[Face]]], out_dir: str | os.PathLike, format: str
) -> list[Path]:
    """Write the faces of pictures, given as (path of the picture, its faces), and return the files written.

    "json": out_dir/STEM.json for each picture, also for one without faces.
    "pts": out_dir/STEM_K.pts for each face, K from 0 in the order of the faces.
    "csv": one out_dir/landmarks.csv with a line for each face: image,face,score,x0,y0,...

    STEM is the picture's name without its suffix; a second picture of that name becomes STEM-2. The image named inside
    JSON and CSV is the path as seen from ``out_dir``, so that training finds it. ``results`` may be a generator: each
    picture's files are written as it comes; the CSV appears at the end.

    Raises ValueError for an unknown format, or where a CSV would have to mix faces of different point counts.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; known are {', '.join(FORMATS)}")
    out_dir = Path(out_dir)
    if format == "csv":
        return [_save_csv(results, out_dir / "landmarks.csv")]
    written: list[Path] = []
    taken: set[str] = set()
    for picture, faces in results:
        stem = free_name(Path(picture).stem, taken)
        if format == "json":
            written.append(out_dir / f"{stem}.json")
            write_json(written[-1], _seen_from(out_dir, picture), faces)
        else:
            for k, face in enumerate(faces):
                written.append(out_dir / f"{stem}_{k}.pts")
                write_pts(written[-1], face.points)
    return written


def write_json(path: str | os.PathLike, image: str, faces: Sequence[Face]) -> None:
    """One picture's faces: ``{"image": ..., "faces": [...]}``, each face as `Face.to_dict` gives it."""
    with atomic_write(path) as file:
        json.dump({"image": image, "faces": [face.to_dict() for face in faces]}, file, allow_nan=False)
        file.write("\n")


def write_pts(path: str | os.PathLike, points: np.ndarray) -> None:
    """Points (N, 2) as a .pts file, to 1/10000 pixel. Raises ValueError for a missing point (NaN): it cannot say so."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{path}: a .pts file takes finite points (N, 2); use CSV where points are missing")
    lines = [f"{x:.4f} {y:.4f}\n" for x, y in points + 1]
    with atomic_write(path) as file:
        file.writelines(["version: 1\n", f"n_points: {len(points)}\n", "{\n", *lines, "}\n"])


def read_pts(path: str | os.PathLike) -> np.ndarray:
    """The points of a .pts file, float32 (N, 2), counted from 0. Raises ValueError with the file and the wrong line."""
    count, points, part = None, [], "head"
    number = 0
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(map(str.strip, file), 1):
            where = f"{path}, line {number}"
            key, _, value = line.lower().partition(":")
            if not line or (part == "head" and key == "version"):
                continue
            if part == "head" and key == "n_points":
                if not value.strip().isdecimal():
                    raise ValueError(f"{where}: n_points must be a whole number, not {value.strip()!r}")
                count = int(value)
            elif part == "head" and line == "{" and count is not None:
                part = "points"
            elif part == "points" and line == "}":
                part = "end"
            elif part == "points":
                points.append(_numbers(where, line.split()))
            else:
                expected = "nothing after '}'" if part == "end" else "'n_points: N' and then '{'"
                raise ValueError(f"{where}: expected {expected}, not {line!r}; is this a .pts file?")
    if part != "end":
        raise ValueError(f"{path}, line {number}: the file ends before its closing '}}'; is it cut short?")
    if count != len(points):
        raise ValueError(f"{path}: n_points says {count}, but there are {len(points)} points")
    return np.array(points, np.float32).reshape(-1, 2) - 1


def write_csv(target: str | os.PathLike | IO[str], rows: Iterable[Row]) -> None:
    """Rows (image, points (N, 2), mask (N,)) as image,x0,y0,..., to 1/1000 pixel, into a file or an open text stream.

    Cells of points that the mask leaves out stay empty. Raises ValueError where rows differ in their number of points.
    """
    if hasattr(target, "write"):
        _write_table(target, ["image"], ((image, [image], points, mask) for image, points, mask in rows))
    else:
        with atomic_write(target) as file:
            write_csv(file, rows)


def read_csv(path: str | os.PathLike) -> list[Row]:
    """The rows of a CSV file with the header image,x0,y0,x1,y1,...: (image, points float32 (N, 2), mask bool (N,)).

    A point whose two cells are empty or "nan" is missing: NaN, and False in the mask. A picture with several faces has
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
    return _numbers(f"{where}, point {i}", [x, y])


def _numbers(where: str, cells: Sequence[str]) -> tuple[float, float]:
    try:
        x, y = map(float, cells)
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"{where}: expected two numbers, not {' '.join(cells)!r}")
    return x, y


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


def _save_csv(results: Iterable[tuple[str | os.PathLike, Sequence[Face]]], path: Path) -> Path:
    def rows() -> Iterator[tuple[str, list[Any], np.ndarray, np.ndarray]]:
        for picture, faces in results:
            image = _seen_from(path.parent, picture)
            for k, face in enumerate(faces):
                known = np.isfinite(face.points).all(1)
                yield image, [image, k, f"{face.score:.4f}"], face.points, known

    with atomic_write(path) as file:
        _write_table(file, ["image", "face", "score"], rows())
    return path


def free_name(stem: str, taken: set[str]) -> str:
    """The stem, or stem-2, stem-3 ... where it is taken already; on some disks upper and lower case are the same."""
    name, k = stem, 1
    while name.casefold() in taken:
        k += 1
        name = f"{stem}-{k}"
    taken.add(name.casefold())
    return name


def _seen_from(folder: Path, picture: str | os.PathLike) -> str:
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:  # another drive, on Windows
        return Path(os.path.abspath(picture)).as_posix()
