"""XML files of dlib's imglab: boxes with named parts. Images are beside the file, or in a folder images/ there."""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, check_no_subset, make_dataset
from facelattice.formats.dlib_xml import read_dlib_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of an XML file, in its order.

    Args:
        path: The file.
        subset: Must be None; the format has no subsets.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and box.
        MissingDependencyError: If defusedxml is not installed.
    """
    check_no_subset(path, subset, "XML of dlib")
    return make_dataset(path, read_dlib_file(path), scheme)
