"""The faces of a video as text, frame by frame: JSON Lines with one frame a line, or CSV with one face a line."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facelattice.exceptions import VideoError
from facelattice.face import Face
from facelattice.formats import atomic_write

LANDMARK_FORMATS = ("json", "csv")


class LandmarkWriter:
    """Writes a file that appears when it is left, whole as far as there was room for.

    format: "json" for {"frame", "time", "faces": [...]} a line, each face as `Face.to_dict` gives it; "csv" for
    frame,time,track,score,x0,y0,e0,x1,... with each point's expected error. Entering it raises VideoError where it
    cannot be written.
    """

    def __init__(self, path: Path, format: str):
        self.path, self._format = path, format
        self._atomic = atomic_write(path, "wb")
        self._file: Any = None

    def __enter__(self) -> LandmarkWriter:
        try:
            buffered: Any = self._atomic.__enter__()
        except OSError as error:
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None
        self._file = buffered.raw  # so that nothing is left for the end to write
        return self

    def __exit__(self, *error: Any) -> None:
        self._atomic.__exit__(*error)

    def write(self, frame: int, time: float, faces: Sequence[Face]) -> None:
        """Add the faces of frame number ``frame`` (from 0, broken ones counted too) at ``time`` (seconds).

        Raises VideoError where there is no room for all of it; none of it is in the file then.
        """
        row = {"frame": frame, "time": round(time, 6), "faces": [face.to_dict() for face in faces]}
        end = self._file.tell()
        text = _csv(row, header=end == 0) if self._format == "csv" else json.dumps(row, allow_nan=False) + "\n"
        data = text.encode()
        try:
            if self._file.write(data) != len(data):  # what is left of the disk takes a part
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.seek(end)
            self._file.truncate()
            raise VideoError(f"{self.path}: cannot be written ({error.strerror})") from None


def _csv(row: dict[str, Any], header: bool) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    for i, face in enumerate(row["faces"]):
        if header and i == 0:
            names = [f"{kind}{point}" for point in range(len(face["points"])) for kind in ("x", "y", "e")]
            table.writerow(["frame", "time", "track", "score", *names])
        points = [v for (x, y), e in zip(face["points"], face["expected_errors"], strict=True) for v in (x, y, e)]
        table.writerow([row["frame"], row["time"], face["track"], face["score"], *points])
    return text.getvalue()
