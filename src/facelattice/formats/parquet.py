"""Parquet tables, in parts that appear one by one: for so many images that the work is stopped and gone on with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from facelattice.face import Face
from facelattice.formats.files import atomic_write, valid_utf8

PART = 500  # images of a part: what is lost at most when the work is killed


def write_parquet(
    out_dir: str | os.PathLike, images: Iterable[tuple[str, Sequence[Face]]], label: str = ""
) -> Iterator[Path]:
    """Images, as (name, its faces), into out_dir/landmarks-LABEL-00000.parquet and so on; yields each part written.

    A row is a face: image, face (from 0), scheme, score, box (4), points (x0, y0, x1, ...), errors, all float32. A
    image without faces has one row with nothing but its name. Parts that are there already stay, and what is done
    when the work is stopped is written. Raises ImportError without pyarrow.
    """
    parts = (part_name(out_dir, label, number) for number in range(10**5))
    rows: list[dict[str, Any]] = []
    try:
        for count, (image, faces) in enumerate(images, 1):
            image = valid_utf8(image)
            rows += [_row(image, i, face) for i, face in enumerate(faces)] or [{"image": image}]
            if count % PART == 0:
                full, rows = rows, []  # first, so that whoever stops here does not have them twice
                yield _write(next(part for part in parts if not part.exists()), full)
    except BaseException:
        if rows:
            _write(next(part for part in parts if not part.exists()), rows)
        raise
    if rows:
        yield _write(next(part for part in parts if not part.exists()), rows)


def part_name(out_dir: str | os.PathLike, label: str, number: int) -> Path:
    """Where a part goes; ``label`` tells the parts of one machine from those of others."""
    return Path(out_dir) / f"landmarks-{label}{'-' * bool(label)}{number:05}.parquet"


def labels_in_parquet(out_dir: str | os.PathLike) -> set[str]:
    """The labels of the parts in a folder; "" for parts that have none."""
    names = (re.fullmatch(r"landmarks-(?:(.+)-)?\d{5}\.parquet", path.name) for path in Path(out_dir).glob("*"))
    return {match[1] or "" for match in names if match}


def images_in_parquet(out_dir: str | os.PathLike) -> set[str]:
    """The names of all images in the parts in a folder. Raises ValueError for a file that is no such part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images: set[str] = set()
    for part in Path(out_dir).glob("landmarks-*.parquet"):
        try:
            images.update(pq.read_table(part, columns=["image"])["image"].to_pylist())
        except (pa.ArrowException, OSError, KeyError) as error:  # of damage it says either
            raise ValueError(
                f"{part}: not a table that `facelattice align` wrote, or a damaged one; move it away"
            ) from error
    return images


def _row(image: str, number: int, face: Face) -> dict[str, Any]:
    return {
        "image": image,
        "face": number,
        "scheme": face.scheme.name,
        "score": face.score,
        "box": face.box.tolist(),
        "points": face.points.ravel().tolist(),
        "expected_errors": face.expected_errors.tolist(),
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError('to write Parquet, run: pip install "facelattice[parquet]"') from error
    floats = pa.list_(pa.float32())
    schema = pa.schema(
        [("image", pa.string()), ("face", pa.int32()), ("scheme", pa.string()), ("score", pa.float32()),
         ("box", floats), ("points", floats), ("expected_errors", floats)]
    )  # fmt: skip
    with atomic_write(path, "wb") as file:
        pq.write_table(pa.Table.from_pylist(rows, schema), file, compression="zstd")
    return path
