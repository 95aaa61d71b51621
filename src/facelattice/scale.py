"""Pictures on a cluster: FaceAligner as a map over a Ray Data set, for more of them than one machine can do.

    import ray
    from facelattice.scale import align

    rows = align(ray.data.from_items([{"path": path} for path in paths]), workers=8)
    rows.write_parquet("landmarks")

A worker that dies is started anew, and what it was at is done again: no picture is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facelattice.aligner import FaceAligner
from facelattice.face import Face

if TYPE_CHECKING:
    import ray.data

BATCH = 16  # pictures that a worker takes at a time: what is done again when it dies


class Worker:
    """What runs on the cluster: one aligner, fed with batches of rows, columns as arrays."""

    def __init__(self, column: str, settings: dict[str, Any]):
        self.column, self.aligner = column, FaceAligner(**settings)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """A row for each face, and one with an error, or with nothing but its picture, where there is none."""
        pictures: Sequence[Any] = list(batch[self.column])
        reasons: list[str] = []
        rows: list[dict[str, Any]] = []
        found = self.aligner.batch(pictures, lambda picture, error: reasons.append(str(error)))
        for picture, faces in zip(pictures, found, strict=True):
            rows += [_row(picture, i, face) for i, face in enumerate(faces)]
            if not faces:
                rows.append(_row(picture, -1, None, reasons.pop() if reasons else ""))
        return {key: [row[key] for row in rows] for key in rows[0]}


def _row(picture: str, number: int, face: Face | None, reason: str = "") -> dict[str, Any]:
    return {
        "image": str(picture),
        "face": number,
        "score": np.nan if face is None else face.score,
        "box": [] if face is None else face.box.tolist(),
        "points": [] if face is None else face.points.ravel().tolist(),
        "errors": [] if face is None else face.errors.tolist(),
        "error": reason,
    }


def align(
    pictures: ray.data.Dataset, column: str = "path", workers: int | tuple[int, int] = 2, **settings: Any
) -> ray.data.Dataset:
    """Rows with a path in ``column`` -> a row for each face: image, face (from 0), score, box (4), points (2 N: x0, y0,
    x1, ...), errors (N), and "error".

    A picture without faces has one row with face -1, and one that cannot be read the reason in "error". workers: how
    many, or from how many to how many; each holds one model. settings: those of `FaceAligner`. Lazy, as Ray Data is: it
    runs when the rows are taken or written. Raises ImportError without Ray.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise ImportError('to use a cluster, run: pip install "facelattice[ray]"') from error
    return pictures.map_batches(
        Worker, fn_constructor_args=(column, settings), batch_size=BATCH, concurrency=workers, num_cpus=1
    )
