"""CSV tables: a header image,x0,y0,x1,y1,... and one face in each row, with empty cells for missing points.

Paths of images are relative to the table.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.groups import group_names
from facelattice.datasets.sample import Sample, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import read_csv
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read the faces of a table, in its order.

    Args:
        path: The table.
        subset: Must be None; a table has no subsets.
        scheme: Scheme of the points; None infers it from their number.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the table is damaged; it names file and line.
    """
    if subset is not None:
        raise DataError(f"{path}: a table has no subsets, so there is no {subset!r}")
    rows = read_csv(path)
    samples = []
    groups = group_names([name for name, _, _ in rows])
    for number, (group, (name, points, _)) in enumerate(zip(groups, rows, strict=True), 1):
        where = f"{path}, face {number} ({name})"
        samples.append(make_sample(path.parent / name, points, infer_scheme(len(points), scheme, where), group, where))
    return samples
