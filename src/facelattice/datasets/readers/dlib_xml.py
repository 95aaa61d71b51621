"""XML files of dlib's imglab: boxes with named parts. Images are beside the file, or in a folder images/ there."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from facelattice.datasets.groups import group_names
from facelattice.datasets.readers.annotations import make_samples
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.formats.dlib_xml import read_dlib_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read the faces of an XML file, in its order.

    Args:
        path: The file.
        subset: Must be None; the format has no subsets.
        scheme: Scheme of the points; None infers it from the names of the parts or their number.

    Raises:
        DataError: If a subset is given, a face does not fit the scheme, or the names do not.
        FormatError: If the file is damaged; it names file and box.
        MissingDependencyError: If defusedxml is not installed.
    """
    if subset is not None:
        raise DataError(f"{path}: XML of dlib has no subsets, so there is no {subset!r}")
    file = read_dlib_file(path)
    return make_samples(path, file, scheme, group_names([PureWindowsPath(face.image).name for face in file.faces]))
