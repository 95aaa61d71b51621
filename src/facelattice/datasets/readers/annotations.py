"""Samples from files of annotations, such as CSV, COCO and CVAT."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from facelattice.datasets.groups import group_names
from facelattice.datasets.readers.files import ImageFinder
from facelattice.datasets.readers.point_order import order_points
from facelattice.datasets.sample import Sample, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats.annotation import AnnotationFile
from facelattice.schemes import Scheme


class Dataset(NamedTuple):
    """What a dataset contains.

    Attributes:
        samples: The annotated faces.
        images_without_faces: Images that the dataset lists without any shape.
    """

    samples: list[Sample]
    images_without_faces: list[Path]


def make_dataset(path: Path, file: AnnotationFile, scheme: Scheme | None) -> Dataset:
    """Make a sample of each face, and find the images without faces.

    Args:
        path: The file of annotations, or the folder of several files.
        file: The content.
        scheme: Scheme of the points; None infers it from their names or their number.

    Raises:
        DataError: If a face does not fit the scheme; it names the face.
    """
    scheme, faces = order_points(path, file, scheme)
    finder = ImageFinder(*image_folders(path))
    groups = group_names([face.image.replace("\\", "/") for face in faces])
    samples = []
    for number, (group, face) in enumerate(zip(groups, faces, strict=True), 1):
        where = f"{path}, face {number} ({face.image})"
        samples.append(
            make_sample(
                finder.find(face.image, *file.other_names.get(face.image, ())),
                face.points,
                infer_scheme(len(face.points), scheme, where),
                group,
                where,
                hidden=face.hidden,
                visible=face.visible,
                dataset_box=face.box,
            )
        )
    # A file may list an image twice.
    paths = dict.fromkeys(finder.find(name, *file.other_names.get(name, ())) for name in file.images_without_faces)
    with_faces = {sample.path for sample in samples}
    return Dataset(samples, [image for image in paths if image not in with_faces])


def check_subset(path: Path, subset: str | None, known: Collection[str]) -> str:
    """Return the subset; raise DataError if it is None or unknown, with the names of the known ones."""
    if subset is None or subset not in known:
        unknown = "" if subset is None else f"there is no subset {subset!r}; "
        raise DataError(f"{path}: {unknown}choose a subset: {', '.join(known) or 'none found'}")
    return subset


def check_no_subset(path: Path, subset: str | None, kind: str) -> None:
    """Raise DataError if a subset of a file without subsets is wanted.

    Args:
        path: The file.
        subset: The subset.
        kind: Kind of the file, for the error.
    """
    if subset is not None:
        raise DataError(f"{path}: {kind} has no subsets, so there is no {subset!r}")


def image_folders(path: Path) -> list[Path]:
    """Return the folders that images of an annotation file can be in, the most likely one first.

    They are the folder of the file and images/ in it; for a folder of files, these are the folder and images/ in it.
    For annotations/NAME.json they are also images/ and its subfolder beside annotations/, as CVAT and COCO have them.
    """
    folder = path if path.is_dir() else path.parent
    folders = [folder, folder / "images"]
    if path.parent.resolve().name.lower() == "annotations":
        root = path.parent.resolve().parent
        inside = _folders(root / "images")
        subsets = [folder for folder in [*inside, *_folders(root)] if path.stem.lower().endswith(folder.name.lower())]
        folders += [*subsets, root / "images", root, *(inside if len(inside) == 1 else [])]
    return list(dict.fromkeys(folders))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
