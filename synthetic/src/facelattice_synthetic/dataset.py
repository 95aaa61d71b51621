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

from facelattice_synthetic.generate import FaceGenerator
from facelattice_synthetic.landmarks import TO_68

ROWS, SETTINGS = "rows.txt", "settings.json"
REPORT_SECONDS = 10.0

_generator: FaceGenerator
_folder: Path


class DatasetError(Exception):
    """The folder can't take the faces."""


def write_dataset(folder: Path, generator: FaceGenerator, count: int, workers: int = 1) -> None:
    """Write the faces 0 to count - 1: images/*.jpg, points68.csv and points98.csv.

    Faces that are there already are kept. The tables are written at the end, also after an interruption by Ctrl-C.
    After a process was killed, the same call goes on from there.

    Args:
        folder: The folder; it is made if needed.
        generator: Renders the faces.
        count: Number of faces.
        workers: Number of processes.

    Raises:
        DatasetError: If the folder has faces of another seed or configuration.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _check_settings(folder, generator)
    rows = _read_rows(folder)
    missing = [index for index in range(count) if index not in rows]
    start, reported = time.monotonic(), 0.0
    try:
        with (folder / ROWS).open("a", encoding="utf-8") as file:
            for done, (index, row) in enumerate(_make(folder, generator, missing, workers), 1):
                rows[index] = row
                file.write(f"{row}\n")
                file.flush()
                passed = time.monotonic() - start
                if passed - reported > REPORT_SECONDS or done == len(missing):
                    reported = passed
                    left = passed / done * (len(missing) - done)
                    print(f"{done} of {len(missing)} faces, {3600 * done / passed:.0f} an hour, {_minutes(left)} left",
                          file=sys.stderr, flush=True)  # fmt: skip
    finally:
        _write_table(folder / "points98.csv", rows, np.arange(98))
        _write_table(folder / "points68.csv", rows, TO_68)


def _make(folder: Path, generator: FaceGenerator, indices: list[int], workers: int) -> Iterator[tuple[int, str]]:
    """Yield index and row of each face, in any order."""
    global _generator, _folder
    cv2.setNumThreads(1)
    _generator, _folder = generator, folder
    if workers == 1 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(_write_face, indices)
    else:
        # The parts, some 100 MB, are shared with the parent process.
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap_unordered(_write_face, indices, chunksize=4)


def _write_face(index: int) -> tuple[int, str]:
    face = _generator(index)
    path = _image_path(_folder, index)
    data = cv2.imencode(".jpg", face.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, face.quality])[1]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(data.tobytes())
    temporary.replace(path)
    numbers = ",".join(f"{value:.2f}" for value in face.points.ravel())
    return index, f"{index},{''.join(map(str, face.visibility))},{numbers}"


def _image_path(folder: Path, index: int) -> Path:
    return folder / "images" / f"{index:06d}.jpg"


def _check_settings(folder: Path, generator: FaceGenerator) -> None:
    settings = {"seed": generator.seed, **dataclasses.asdict(generator.config)}
    text = json.dumps(settings, indent=1)
    path = folder / SETTINGS
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise DatasetError(f"{path}: the folder has faces of another seed or configuration; give another folder")
    path.write_text(text, encoding="utf-8")


def _read_rows(folder: Path) -> dict[int, str]:
    """Return the rows of faces whose image is there. A row that was cut off by a killed process is left out."""
    path = folder / ROWS
    rows = {}
    if path.exists():
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        for row in whole.splitlines():
            index = int(row.split(",", 1)[0])
            if _image_path(folder, index).exists():
                rows[index] = row
    return rows


def _write_table(path: Path, rows: dict[int, str], points: np.ndarray) -> None:
    header = ",".join(f"x{k},y{k}" for k in range(len(points)))
    lines = [f"image,{header},visibility"]
    for index in sorted(rows):
        _, visibility, *numbers = rows[index].split(",")
        places = ",".join(f"{numbers[2 * k]},{numbers[2 * k + 1]}" for k in points)
        lines.append(f"images/{index:06d}.jpg,{places},{''.join(visibility[k] for k in points)}")
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
