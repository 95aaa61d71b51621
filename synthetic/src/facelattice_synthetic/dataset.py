"""A folder of synthetic faces: images and tables of their landmarks."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from facelattice_synthetic.config import format_setting
from facelattice_synthetic.face_generator import FaceGenerator
from facelattice_synthetic.landmarks import TO_68

ROWS, SETTINGS = "rows.txt", "settings.json"
NUM_POINTS = 98
REPORT_SECONDS = 10.0

_generator: FaceGenerator
_folder: Path


class DatasetError(Exception):
    """Faces can't be added to the folder."""


def write_dataset(folder: Path, generator: FaceGenerator, count: int, workers: int = 1) -> None:
    """Write the faces 0 to count - 1: images/*.jpg, points68.csv, points98.csv and poses.csv.

    The angles of poses.csv are those of `facelattice.HeadPose`.

    Existing faces are kept. The tables are written at the end, also after an interruption by Ctrl-C. After a process
    was killed, the same call continues.

    Args:
        folder: The folder; it is created if needed.
        generator: Renders the faces.
        count: Number of faces.
        workers: Number of processes.

    Raises:
        DatasetError: If the folder has faces of another seed or configuration, or a damaged file.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _check_settings(folder, generator)
    rows = _read_rows(folder)
    missing = [index for index in range(count) if index not in rows]
    start, reported = time.monotonic(), 0.0
    try:
        with (folder / ROWS).open("a", encoding="utf-8") as file:
            for done, (index, row) in enumerate(_render(folder, generator, missing, workers), 1):
                rows[index] = row
                file.write(f"{row}\n")
                file.flush()
                elapsed = time.monotonic() - start
                if elapsed - reported > REPORT_SECONDS or done == len(missing):
                    reported = elapsed
                    left = elapsed / done * (len(missing) - done)
                    print(f"{done} of {len(missing)} faces, {3600 * done / elapsed:.0f} an hour, {_minutes(left)} left",
                          file=sys.stderr, flush=True)  # fmt: skip
    finally:
        _write_table(folder / "points98.csv", rows, np.arange(NUM_POINTS))
        _write_table(folder / "points68.csv", rows, TO_68)
        _write_poses(folder / "poses.csv", rows, generator)


def _render(folder: Path, generator: FaceGenerator, indices: list[int], workers: int) -> Iterator[tuple[int, str]]:
    """Yield index and row of each face, in any order."""
    global _generator, _folder
    cv2.setNumThreads(1)
    _generator, _folder = generator, folder
    if workers == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(_write_face, indices)
    else:
        # A forked process shares the assets, some 100 MB, with its parent.
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap_unordered(_write_face, indices, chunksize=4)


def _write_face(index: int) -> tuple[int, str]:
    """Write the image of a face; return its index and its row."""
    face = _generator(index)
    path = _image_path(_folder, index)
    data = cv2.imencode(".jpg", face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, face.jpeg_quality])[1]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(data.tobytes())
    temporary.replace(path)
    numbers = ",".join(f"{value:.2f}" for value in face.points.ravel())
    return index, f"{index},{''.join(map(str, face.visibility))},{numbers}"


def _image_path(folder: Path, index: int) -> Path:
    return folder / "images" / f"{index:06d}.jpg"


def _check_settings(folder: Path, generator: FaceGenerator) -> None:
    """Record seed and configuration in the folder, or compare them with the recorded ones."""
    settings = {"seed": generator.seed, **dataclasses.asdict(generator.config)}
    path = folder / SETTINGS
    if not path.exists():
        _write_text(path, json.dumps(settings, indent=1))
        return
    try:
        recorded = dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise DatasetError(f"{path}: damaged; give another folder") from None
    wanted = json.loads(json.dumps(settings))  # with lists in place of tuples
    for name in wanted | recorded:
        if recorded.get(name) != wanted.get(name):
            old, new = (format_setting(name, values.get(name, "unknown")) for values in (recorded, wanted))
            raise DatasetError(f"{path}: the faces in this folder have {old}, not {new}; give another folder")


def _read_rows(folder: Path) -> dict[int, str]:
    """Return the rows of faces whose image exists, without a row that was truncated by a killed process."""
    path = folder / ROWS
    rows = {}
    if path.exists():
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            _write_text(path, whole)
        for row in whole.splitlines():
            number = row.split(",", 1)[0]
            if not number.isdecimal() or row.count(",") != 1 + 2 * NUM_POINTS:
                raise DatasetError(f"{path}: damaged: {row[:40]!r}; give another folder")
            index = int(number)
            if _image_path(folder, index).exists():
                rows[index] = row
    return rows


def _write_table(path: Path, rows: dict[int, str], points: np.ndarray) -> None:
    """Write a table of some of the points, sorted by the index of the face."""
    header = ",".join(f"x{k},y{k}" for k in range(len(points)))
    lines = [f"image,{header},visibility"]
    for index in sorted(rows):
        _, visibility, *numbers = rows[index].split(",")
        coordinates = ",".join(f"{numbers[2 * k]},{numbers[2 * k + 1]}" for k in points)
        lines.append(f"images/{index:06d}.jpg,{coordinates},{''.join(visibility[k] for k in points)}")
    _write_text(path, "\n".join(lines) + "\n")


def _write_poses(path: Path, rows: dict[int, str], generator: FaceGenerator) -> None:
    """Write yaw, pitch and roll of each head in degrees, sorted by the index of the face."""
    lines = ["image,yaw,pitch,roll"]
    for index in sorted(rows):
        roll, yaw, pitch = generator.head_rotation(index).as_euler("ZYX", degrees=True) * [-1, 1, -1]
        lines.append(f"images/{index:06d}.jpg,{yaw:.2f},{pitch:.2f},{roll:.2f}")
    _write_text(path, "\n".join(lines) + "\n")


def _write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it, so that it is never incomplete."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
