"""COCO JSON: the annotations with keypoints of one category.

Images are beside the file or in a folder images/ there. For annotations/NAME.json they may also be in images/ or in a
folder of images/ beside annotations/.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, make_dataset
from facelattice.formats.coco_reader import read_coco_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a COCO JSON file, in its order.

    Args:
        path: The file.
        subset: Name of the category; needed if several have keypoints.
        scheme: Scheme of the points. None takes the built-in scheme with these points, or makes a scheme of the names
            and lines of the category.

    Raises:
        DataError: If a face does not fit the scheme, or the names of the points do not.
        FormatError: If the file is damaged; it names file and annotation.
    """
    return make_dataset(path, read_coco_file(path, subset), scheme)
