"""Parquet tables in numbered parts, for many images: each run adds its own parts."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facelattice.atomic_files import atomic_write
from facelattice.exceptions import FormatError, MissingDependencyError
from facelattice.face import Face
from facelattice.formats.names import escape_non_utf8
from facelattice.formats.result_columns import RESULT_COLUMNS, result_values


def part_path(out_dir: str | os.PathLike[str], label: str, number: int) -> Path:
    """Return the path of a part; ``label`` distinguishes the parts of one shard from those of others."""
    return Path(out_dir) / f"landmarks-{label}{'-' * bool(label)}{number:05}.parquet"


def image_rows(image: str, faces: Sequence[Face]) -> list[dict[str, Any]]:
    """Return a row for each face of an image; an image without faces has one row with nothing but its name."""
    image = escape_non_utf8(image)
    return [face_row(image, i, face) for i, face in enumerate(faces)] or [{"image": image}]


def write_part(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows of `image_rows` as a new table.

    The columns are image, face (from 0), scheme, score, box (4), points (2 N: x0, y0, x1, ...), expected_errors (N),
    visibility (N, or null if the model does not predict it) and `RESULT_COLUMNS`; all numbers but the face are float32.

    Raises:
        FileExistsError: If the file exists.
        MissingDependencyError: If pyarrow is not installed.
    """
    pa, pq = import_pyarrow()
    table = pa.Table.from_pylist(rows, pa.schema(face_fields(pa)))
    with atomic_write(path, "wb", overwrite=False) as file:
        pq.write_table(table, file, compression="zstd")


def labels_in_parquet(out_dir: str | os.PathLike[str]) -> set[str]:
    """Return the labels of the parts in a folder; "" stands for parts without one."""
    names = (re.fullmatch(r"landmarks-(?:(.+)-)?\d{5}\.parquet", path.name) for path in Path(out_dir).glob("*"))
    return {match[1] or "" for match in names if match}


def images_in_parquet(out_dir: str | os.PathLike[str]) -> set[str]:
    """Return the names of all images in the parts in a folder.

    Raises:
        FormatError: If a file is damaged or from another program.
        MissingDependencyError: If pyarrow is not installed.
    """
    pa, pq = import_pyarrow()
    images: set[str] = set()
    for part in Path(out_dir).glob("landmarks-*.parquet"):
        try:
            images.update(pq.read_table(part, columns=["image"])["image"].to_pylist())
        except (pa.ArrowException, OSError, LookupError, TypeError, ValueError) as error:  # depends on the damage
            raise FormatError(
                f"{part}: damaged, or not a table that `facelattice align` wrote; move it to another folder"
            ) from error
    return images


def import_pyarrow() -> tuple[Any, Any]:
    """Import pyarrow and pyarrow.parquet.

    Raises:
        MissingDependencyError: If pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError('Parquet needs pyarrow; run: pip install "facelattice[parquet]"') from error
    return pyarrow, pyarrow.parquet


def face_fields(pa: Any) -> list[tuple[str, Any]]:
    """Return the names and the types of pyarrow of the columns of `face_row`."""
    floats = pa.list_(pa.float32())
    return [
        ("image", pa.string()), ("face", pa.int32()), ("scheme", pa.string()), ("score", pa.float32()),
        ("box", floats), ("points", floats), ("expected_errors", floats), ("visibility", floats),
        *((name, pa.float32()) for name in RESULT_COLUMNS),
    ]  # fmt: skip


def face_row(image: str, number: int, face: Face) -> dict[str, Any]:
    """Return the row of a face with the columns that `write_part` describes."""
    return {
        "image": image,
        "face": number,
        "scheme": face.scheme.name,
        "score": face.score,
        "box": face.box.tolist(),
        "points": face.points.ravel().tolist(),
        "expected_errors": face.expected_errors.tolist(),
        "visibility": None if face.visibility is None else face.visibility.tolist(),
        **result_values(face),
    }
