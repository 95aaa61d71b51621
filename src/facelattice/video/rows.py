"""The faces of a video as text, frame by frame: JSON Lines with one frame a line, or CSV with one face a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import IO

from facelattice.face import Face

ROW_FORMATS = ("json", "csv")


class RowWriter:
    """Writes into an open text file. format: "json" for {"frame", "time", "faces": [...]} a line, each face as
    `Face.to_dict` gives it; "csv" for frame,time,track,score,x0,y0,e0,x1,... with each point's expected error."""

    def __init__(self, file: IO[str], format: str):
        self._file, self._table = file, csv.writer(file, lineterminator="\n") if format == "csv" else None
        self._begun = False

    def write(self, frame: int, time: float, faces: Sequence[Face]) -> None:
        """Add the faces of frame number ``frame`` (from 0, broken ones counted too) at ``time`` (seconds)."""
        if self._table is None:
            row = {"frame": frame, "time": round(time, 6), "faces": [face.to_dict() for face in faces]}
            self._file.write(json.dumps(row, allow_nan=False) + "\n")
            return
        for face in faces:
            plain = face.to_dict()
            if not self._begun:
                self._begun = True
                names = [f"{kind}{i}" for i in range(len(face.points)) for kind in ("x", "y", "e")]
                self._table.writerow(["frame", "time", "track", "score", *names])
            points = [v for (x, y), e in zip(plain["points"], plain["errors"], strict=True) for v in (x, y, e)]
            self._table.writerow([frame, round(time, 6), face.track, plain["score"], *points])
