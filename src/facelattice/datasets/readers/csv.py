"""CSV tables: a header image,x0,y0,x1,y1,... or image,NAME_x,NAME_y,... and one face in each row.

Empty cells are missing points. A column visibility marks visible and hidden points. Paths of images are relative to the
table, or to a folder images/ beside it.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, check_no_subset, make_dataset
from facelattice.formats.csv_reader import read_csv_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a table, in its order.

    Args:
        path: The file.
        subset: Must be None; a table has no subsets.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and line.
    """
    check_no_subset(path, subset, "a table")
    return make_dataset(path, read_csv_file(path), scheme)
