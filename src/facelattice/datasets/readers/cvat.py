"""CVAT's XML for images: skeletons, or points. Images are beside the file, or in a folder images/ there."""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, make_dataset
from facelattice.formats.cvat import read_cvat_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of an XML file, in its order.

    Args:
        path: The file.
        subset: Label of the skeletons; needed if skeletons have several labels.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and image.
        MissingDependencyError: If defusedxml is not installed.
    """
    return make_dataset(path, read_cvat_file(path, subset), scheme)
