"""The landmarks of a video as text: JSON Lines with one frame per line, or CSV with one face per line."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from facelattice.atomic_files import publish, temporary_path
from facelattice.exceptions import ArgumentError, VideoError
from facelattice.face import Face
from facelattice.formats.result_columns import CSV_COLUMNS, result_cells

SUFFIXES = {"json": ".jsonl", "csv": ".csv"}
LANDMARK_FORMATS = tuple(SUFFIXES)
MAX_LINE = 10_000_000  # characters


class LandmarkWriter:
    """Writes the landmarks of each frame as soon as they are found.

    The file has its final name from the beginning and always ends with a complete line. So it can be read while it is
    written, and after the process was killed. It replaces an existing file.

    Args:
        path: The file.
        format: "json" for lines {"video": ..., "frame": ..., "time": ..., "faces": [...]} with faces as in
            `Face.to_dict`; "csv" for a table video,frame,time,track,score,x0,y0,e0,x1,...,yaw,pitch,roll,... where e is
            the expected error of a point, and the last columns are `CSV_COLUMNS`.
        video: Name of the video that the file states, see `video_in_landmarks`.

    Raises:
        ArgumentError: If the format is unknown.
        VideoError: If the file cannot be written; when the context is entered.
    """

    def __init__(self, path: Path, format: str, video: str) -> None:
        if format not in LANDMARK_FORMATS:
            raise ArgumentError(f"unknown format {format!r}; choose {' or '.join(LANDMARK_FORMATS)}")
        self.path = path
        self._format, self._video = format, video
        self._file: IO[bytes] | None = None

    def __enter__(self) -> LandmarkWriter:
        try:
            empty = temporary_path(self.path)
            empty.touch(exist_ok=False)
            publish(empty, self.path)  # a process that still writes the replaced file does not write to this one
            self._file = open(self.path, "ab", buffering=0)
        except OSError as error:
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, frame: int, time: float, faces: Sequence[Face]) -> None:
        """Add a frame.

        Args:
            frame: Number of the frame, from 0.
            time: Time of the frame in seconds.
            faces: Its faces.

        Raises:
            VideoError: If the disk is full; no part of the frame is in the file then.
        """
        assert self._file is not None, "the context must be entered"
        end = self._file.seek(0, os.SEEK_END)
        if self._format == "csv":
            data = csv_lines(self._video, frame, round(time, 6), faces, header=end == 0).encode()
        else:
            faces_json = [face.to_dict() for face in faces]
            row = {"video": self._video, "frame": frame, "time": round(time, 6), "faces": faces_json}
            data = json.dumps(row, allow_nan=False).encode() + b"\n"
        try:
            if self._file.write(data) != len(data):  # the disk is full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(end)
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None


def video_in_landmarks(path: Path) -> str | None:
    """Return the name of the video in a file of `LandmarkWriter`; None for any other file, or without a face.

    Args:
        path: The file, which may be missing.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            first = file.readline(MAX_LINE)
            if path.suffix == SUFFIXES["csv"]:
                video = next(csv.DictReader([first, file.readline(MAX_LINE)]), {}).get("video")
            else:
                row = json.loads(first)
                video = row.get("video") if isinstance(row, dict) else None
    except (OSError, ValueError, csv.Error):
        return None
    return video if isinstance(video, str) else None


def csv_lines(video: str, frame: int, time: float, faces: Sequence[Face], header: bool) -> str:
    """Return the rows of a frame.

    Args:
        video: Name of the video.
        frame: Number of the frame, from 0.
        time: Time of the frame in seconds.
        faces: Its faces.
        header: Whether to start with the names of the columns, if there is a face.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if header and faces:
        columns = [f"{name}{point}" for point in range(len(faces[0].points)) for name in ("x", "y", "e")]
        table.writerow(["video", "frame", "time", "track", "score", *columns, *CSV_COLUMNS])
    for face in faces:
        data = face.to_dict()
        points = zip(data["points"], data["expected_errors"], strict=True)
        values = [value for (x, y), expected_error in points for value in (x, y, expected_error)]
        table.writerow([video, frame, time, data["track"], data["score"], *values, *result_cells(face)])
    return text.getvalue()
