"""The JSON files of `facelattice align`, one for each image: faces to correct, or to train on."""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.readers.annotations import Dataset, check_no_subset, make_dataset
from facelattice.datasets.readers.files import find_files
from facelattice.exceptions import DataError
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.formats.json import JsonFace, image_in_json, read_json
from facelattice.schemes import SCHEMES, Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a file, or of all files of this kind below a folder.

    Points with a visibility below 0.5 are hidden.

    Args:
        path: The file or folder.
        subset: Must be None; these files have no subsets.
        scheme: Scheme of the points; None takes the one that the files name, or infers it from the number of points.

    Raises:
        DataError: If a subset is given, the files name several schemes, or a face does not fit the scheme.
        FormatError: If a file is damaged; it names file and face.
    """
    check_no_subset(path, subset, "the JSON of facelattice align")
    images = {file: image_in_json(file) for file in (find_files(path, ".json") if path.is_dir() else [path])}
    found = {file: read_json(file) for file, image in images.items() if image or not path.is_dir()}
    faces = [face for of_file in found.values() for face in of_file]
    without_faces = [str(images[file]) for file, of_file in found.items() if not of_file]
    names = {face.scheme for face in faces}
    if len(names) > 1:
        raise DataError(
            f"{path}: the files have different point schemes: {', '.join(sorted(names))}; give the files of one"
        )
    annotated = AnnotationFile([_annotation(face) for face in faces], images_without_faces=without_faces)
    return make_dataset(path, annotated, scheme or SCHEMES.get("".join(names)))


def _annotation(face: JsonFace) -> Annotation:
    hidden = face.visibility < 0.5  # False where it is unknown
    return Annotation(face.image, face.points, face.mask, hidden, face.visibility >= 0.5, box=None)
