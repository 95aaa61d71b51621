"""A CSV table: image,x0,y0,x1,y1,... with one face a line; the names of images are relative to the table.

An empty cell is a missing point. Images NAME_1 ... NAME_99 are taken as frames of one person or video (`group_names`).
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.sample import Sample, group_names, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import read_csv
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """The faces of the table, in its order; it has no subsets. Raises DataError, naming file and line."""
    if subset is not None:
        raise DataError(f"{path}: a table has no subsets, so there is no {subset!r}")
    try:
        rows = read_csv(path)
    except ValueError as error:
        raise DataError(str(error)) from error
    samples = []
    groups = group_names([name for name, _, _ in rows])
    for number, (group, (name, points, _)) in enumerate(zip(groups, rows, strict=True), 1):
        where = f"{path}, face {number} ({name})"
        samples.append(make_sample(path.parent / name, points, infer_scheme(len(points), scheme, where), group, where))
    return samples
