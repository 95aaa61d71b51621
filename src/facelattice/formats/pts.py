"""The .pts files of 300-W: one face, points that count from 1."""

from __future__ import annotations

import os

import numpy as np

from facelattice.formats.files import atomic_write, numbers


def write_pts(path: str | os.PathLike, points: np.ndarray) -> None:
    """Points (N, 2) as a .pts file, to 1/10000 pixel. Raises ValueError for a missing point (NaN): it cannot say so."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{path}: a .pts file takes finite points (N, 2); use CSV where points are missing")
    with atomic_write(path) as file:
        file.write(pts_text(points))


def pts_text(points: np.ndarray) -> str:
    """What a .pts file of finite points (N, 2) holds."""
    lines = [f"{x:.4f} {y:.4f}\n" for x, y in np.asarray(points, dtype=np.float64) + 1]
    return "".join(["version: 1\n", f"n_points: {len(points)}\n", "{\n", *lines, "}\n"])


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
                points.append(numbers(where, line.split()))
            else:
                expected = "nothing after '}'" if part == "end" else "'n_points: N' and then '{'"
                raise ValueError(f"{where}: expected {expected}, not {line!r}; is this a .pts file?")
    if part != "end":
        raise ValueError(f"{path}, line {number}: the file ends before its closing '}}'; is it cut short?")
    if count != len(points):
        raise ValueError(f"{path}: n_points says {count}, but there are {len(points)} points")
    return np.array(points, np.float32).reshape(-1, 2) - 1
