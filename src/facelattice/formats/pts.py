"""The .pts files of 300-W: one face, with points that count from 1."""

from __future__ import annotations

import os
import reprlib

import numpy as np

from facelattice.atomic_files import write_file
from facelattice.exceptions import FormatError
from facelattice.formats.parsing import open_text, parse_point


def write_pts(path: str | os.PathLike[str], points: np.ndarray, overwrite: bool = True) -> None:
    """Write points as a .pts file, to 1/10000 pixel.

    Args:
        path: The file.
        points: (N, 2) in pixels, counted from 0.
        overwrite: Replace an existing file.

    Raises:
        FormatError: If a point is missing (NaN); the format cannot state that.
        FileExistsError: If the file exists and ``overwrite`` is False.
    """
    try:
        text = pts_text(points)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    write_file(path, text, overwrite=overwrite)


def pts_text(points: np.ndarray) -> str:
    """Return the text of a .pts file with points (N, 2), counted from 0.

    Raises:
        FormatError: If a point is missing (NaN).
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise FormatError("a .pts file holds finite points (N, 2); use CSV for faces with missing points")
    lines = [f"{x:.4f} {y:.4f}\n" for x, y in points + 1]
    return "".join(["version: 1\n", f"n_points: {len(points)}\n", "{\n", *lines, "}\n"])


def read_pts(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the points of a .pts file.

    Returns:
        float32 (N, 2) in pixels, counted from 0.

    Raises:
        FormatError: If the file is damaged; it names file and line.
    """
    count, points, part = None, [], "head"
    number = 0
    with open_text(path) as file:
        for number, line in enumerate(map(str.strip, file), 1):
            where = f"{path}, line {number}"
            key, _, value = (text.strip() for text in line.lower().partition(":"))
            if not line or (part == "head" and key == "version"):
                continue
            if part == "head" and key == "n_points":
                if not value.isdecimal() or len(value) > 9:
                    raise FormatError(f"{where}: n_points must be a whole number, not {reprlib.repr(value)}")
                count = int(value)
            elif part == "head" and line == "{" and count is not None:
                part = "points"
            elif part == "points" and line == "}":
                part = "end"
            elif part == "points":
                points.append(parse_point(line.split(), where))
            else:
                expected = "nothing after '}'" if part == "end" else "'n_points: N' and then '{'"
                raise FormatError(f"{where}: expected {expected}, not {reprlib.repr(line)}; is this a .pts file?")
    if part != "end":
        raise FormatError(f"{path}, line {number}: the file ends before its closing '}}'; it may be truncated")
    if count != len(points):
        raise FormatError(f"{path}: n_points is {count}, but there are {len(points)} points")
    return np.array(points, np.float32).reshape(-1, 2) - 1
