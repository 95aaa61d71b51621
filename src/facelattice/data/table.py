"""A CSV table: image,x0,y0,x1,y1,... with one face a line; the names of pictures are relative to the table.

An empty cell is a missing point. Pictures NAME_1 ... NAME_99 are taken as frames of one person or video (`groups_of`).
"""

from __future__ import annotations

from pathlib import Path

from facelattice.data.sample import DataError, Sample, groups_of, make_sample, scheme_of
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
    groups = groups_of([name for name, _, _ in rows])
    for number, (group, (name, points, _)) in enumerate(zip(groups, rows, strict=True), 1):
        where = f"{path}, face {number} ({name})"
        samples.append(make_sample(path.parent / name, points, scheme_of(len(points), scheme, where), group, where))
    return samples
