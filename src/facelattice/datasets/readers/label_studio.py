"""Label Studio's JSON: keypoints and rectangles.

Images are at the local paths that the tasks name, relative to the file. Otherwise they are found by their names, also
without the prefix of uploaded files, beside the file or in a folder images/ there.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, check_no_subset, make_dataset
from facelattice.formats.label_studio import read_label_studio_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of an export, in its order.

    Args:
        path: The file.
        subset: Must be None; an export has no subsets.
        scheme: Scheme of the points; None infers it from their names.

    Raises:
        DataError: If a subset is given, or a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and task.
    """
    check_no_subset(path, subset, "Label Studio's JSON")
    return make_dataset(path, read_label_studio_file(path), scheme)
