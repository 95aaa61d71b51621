"""Images on a cluster: FaceAligner as a map over a Ray Data set, for more of them than one machine can do.

    import ray
    from facelattice.inference.ray_data import align

    rows = align(ray.data.from_items([{"path": path} for path in paths]), workers=8)
    rows.write_parquet("landmarks")

A worker that dies is started anew, and what it was at is done again: no image is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facelattice.face import Face
from facelattice.formats.files import valid_utf8
from facelattice.inference.parallel import single_thread_aligner

if TYPE_CHECKING:
    import pyarrow
    import ray.data

BATCH = 16  # images that a worker takes at a time: what is done again when it dies


class Worker:
    """What runs on the cluster: one aligner with one thread, fed with batches of rows, columns as arrays."""

    def __init__(self, column: str, settings: dict[str, Any]):
        self.column, self.aligner = column, single_thread_aligner(settings)

    def __call__(self, batch: dict[str, Any]) -> pyarrow.Table:
        """A row for each face, and one with an error, or with nothing but its image, where there is none."""
        import pyarrow as pa

        images: Sequence[Any] = list(batch[self.column])
        wrong: dict[str, str] = {}
        rows: list[dict[str, Any]] = []
        found = self.aligner.batch(images, lambda image, error: wrong.update({str(image): str(error)}))
        for image, faces in zip(images, found, strict=True):
            rows += [_row(image, i, face) for i, face in enumerate(faces)]
            if not faces:
                rows.append(_row(image, -1, None, wrong.get(str(image), "")))
        floats = pa.list_(pa.float32())
        schema = pa.schema(  # stated, because a batch without faces would not show what its lists are of
            [("image", pa.string()), ("face", pa.int32()), ("score", pa.float32()), ("box", floats),
             ("points", floats), ("expected_errors", floats), ("error", pa.string())]
        )  # fmt: skip
        return pa.Table.from_pylist(rows, schema)


def _row(image: str, number: int, face: Face | None, reason: str = "") -> dict[str, Any]:
    return {
        "image": valid_utf8(str(image)),
        "face": number,
        "score": np.nan if face is None else face.score,
        "box": [] if face is None else face.box.tolist(),
        "points": [] if face is None else face.points.ravel().tolist(),
        "expected_errors": [] if face is None else face.expected_errors.tolist(),
        "error": valid_utf8(reason),
    }


def align(
    images: ray.data.Dataset, column: str = "path", workers: int | tuple[int, int] = 2, **settings: Any
) -> ray.data.Dataset:
    """Rows with a path in ``column`` -> a row for each face: image, face (from 0), score, box (4), points (2 N: x0, y0,
    x1, ...), errors (N), and "error".

    An image without faces has one row with face -1, and one that cannot be read the reason in "error". workers: how
    many, or from how many to how many; each holds one model. settings: those of `FaceAligner`. Lazy, as Ray Data is: it
    runs when the rows are taken or written. Raises ImportError without Ray.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise ImportError('to use a cluster, run: pip install "facelattice[ray]"') from error
    return images.map_batches(
        Worker, fn_constructor_args=(column, settings), batch_size=BATCH, concurrency=workers, num_cpus=1
    )
