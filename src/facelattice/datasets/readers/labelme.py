"""labelme: one JSON file for each image. The file names its image, which is usually beside it."""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, check_no_subset, make_dataset
from facelattice.datasets.readers.files import find_files
from facelattice.formats.labelme import read_labelme_files
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a file, or of all files below a folder.

    Args:
        path: The file or folder.
        subset: Must be None; labelme has no subsets.
        scheme: Scheme of the points; None infers it from their names.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and shape.
    """
    check_no_subset(path, subset, "labelme")
    folder, paths = (path, find_files(path, ".json")) if path.is_dir() else (path.parent, [path])
    return make_dataset(path, read_labelme_files(folder, paths), scheme)
