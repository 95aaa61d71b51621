"""CSV tables: a header image,x0,y0,x1,y1,... or image,NAME_x,NAME_y,... and one face in each row.

Empty cells are missing points. A column visibility says which points are visible. Paths of images are relative to the
table, or to a folder images/ beside it.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.groups import group_names
from facelattice.datasets.readers.annotations import make_samples
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.formats.csv_reader import read_csv_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read the faces of a table, in its order.

    Args:
        path: The table.
        subset: Must be None; a table has no subsets.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the table is damaged; it names file and line.
    """
    if subset is not None:
        raise DataError(f"{path}: a table has no subsets, so there is no {subset!r}")
    file = read_csv_file(path)
    return make_samples(path, file, scheme, group_names([face.image for face in file.faces]))
