"""Alignment on a cluster, as a Ray Data map.

    import ray
    from facelattice.inference.ray_data import align

    rows = align(ray.data.from_items([{"path": path} for path in paths]), workers=8)
    rows.write_parquet("landmarks")

Ray restarts a worker that dies and repeats its batch, so no image is lost or processed twice.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from facelattice.exceptions import MissingDependencyError
from facelattice.formats.names import escape_non_utf8
from facelattice.formats.parquet import face_fields, face_row
from facelattice.image_formats import silence_pillow
from facelattice.inference.parallel import single_thread_aligner

if TYPE_CHECKING:
    import pyarrow
    import ray.data

BATCH_SIZE = 16
"""Number of images that a worker processes at a time. If it dies, they are processed again."""

EMPTY_LISTS: dict[str, list[float]] = {"box": [], "points": [], "expected_errors": []}
"""The columns of an image without faces that are lists."""


def align(
    images: ray.data.Dataset, column: str = "path", workers: int | tuple[int, int] = 2, **settings: Any
) -> ray.data.Dataset:
    """Find the faces of all images of a Ray Data set.

    The result is lazy: images are processed when its rows are read or written.

    Args:
        images: Rows with the path of an image.
        column: Name of the column with the paths.
        workers: Number of workers, or the smallest and the largest number. Each has its own model.
        **settings: Arguments of `FaceAligner`.

    Returns:
        One row for each face, with the columns of Parquet files (`facelattice.formats.parquet.write_part`): image, face
        (from 0), scheme, score, box (4 values), points (2 N values: x0, y0, x1, ...), expected_errors (N values),
        visibility (N values, or null), yaw, pitch, roll and the measures; and error. An image without faces has one row
        with face -1. If the image cannot be used, error contains the reason.

    Raises:
        MissingDependencyError: If Ray is not installed.
    """
    try:
        importlib.import_module("ray.data")
    except ImportError as error:
        raise MissingDependencyError('alignment on a cluster needs Ray; run: pip install "facelattice[ray]"') from error
    return images.map_batches(
        Worker, fn_constructor_args=(column, settings), batch_size=BATCH_SIZE, concurrency=workers, num_cpus=1
    )


class Worker:
    """A worker of the cluster: one `FaceAligner` on one thread.

    Args:
        column: Name of the column with the paths.
        settings: Arguments of `FaceAligner`.
    """

    def __init__(self, column: str, settings: dict[str, Any]):
        silence_pillow()
        self.column, self.aligner = column, single_thread_aligner(settings)

    def __call__(self, batch: dict[str, Any]) -> pyarrow.Table:
        """Align a batch of rows, given as one array for each column; see `align` for the result."""
        import pyarrow as pa

        images: Sequence[Any] = list(batch[self.column])
        errors: dict[str, str] = {}
        rows: list[dict[str, Any]] = []
        results = self.aligner.batch(images, lambda image, error: errors.update({str(image): str(error)}))
        for image, faces in zip(images, results, strict=True):
            name = escape_non_utf8(str(image))
            rows += [{**face_row(name, i, face), "error": ""} for i, face in enumerate(faces)]
            if not faces:
                reason = escape_non_utf8(errors.get(str(image), ""))
                rows.append({"image": name, "face": -1, "score": np.nan, **EMPTY_LISTS, "error": reason})
        # The schema is explicit, because the element type of empty lists cannot be inferred.
        return pa.Table.from_pylist(rows, pa.schema([*face_fields(pa), ("error", pa.string())]))
