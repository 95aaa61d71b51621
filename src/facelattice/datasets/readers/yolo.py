"""YOLO-pose datasets: data.yaml with folders of images and of labels."""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, make_dataset
from facelattice.formats.yolo import read_yolo_file
from facelattice.schemes import Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a split, in its order.

    Args:
        path: The file.
        subset: "train", "val" or "test"; needed if their images differ.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a face does not fit the scheme; it names the face.
        FormatError: If the file is damaged; it names file and line.
        ImageError: If an image cannot be read.
        MissingDependencyError: If PyYAML is not installed.
    """
    return make_dataset(path, read_yolo_file(path, subset), scheme)
