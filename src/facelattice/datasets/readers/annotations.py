"""Samples from a file of annotations: CSV, COCO or dlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facelattice.datasets.readers.files import ImageFinder
from facelattice.datasets.readers.point_order import order_points
from facelattice.datasets.sample import Sample, infer_scheme, make_sample
from facelattice.formats.annotation import AnnotationFile
from facelattice.schemes import Scheme


def make_samples(path: Path, file: AnnotationFile, scheme: Scheme | None, groups: Sequence[str]) -> list[Sample]:
    """Make a sample of each face.

    Args:
        path: The file of annotations.
        file: Its content.
        scheme: Scheme of the points; None infers it from their names or their number.
        groups: The group of each face.

    Raises:
        DataError: If a face does not fit the scheme; it names the face.
    """
    scheme, faces = order_points(path, file, scheme)
    finder = ImageFinder(*image_folders(path))
    samples = []
    for number, (group, face) in enumerate(zip(groups, faces, strict=True), 1):
        where = f"{path}, face {number} ({face.image})"
        samples.append(
            make_sample(
                finder.find(face.image),
                face.points,
                infer_scheme(len(face.points), scheme, where),
                group,
                where,
                hidden=face.hidden,
                visible=face.visible,
                dataset_box=face.box,
            )
        )
    return samples


def image_folders(path: Path) -> list[Path]:
    """The folders that images of an annotation file can be in, the most likely one first.

    They are the folder of the file and images/ in it. For annotations/NAME.json these are also images/ and its
    subfolder beside annotations/, as CVAT and COCO have them.
    """
    folders = [path.parent, path.parent / "images"]
    if path.parent.resolve().name.lower() == "annotations":
        root = path.parent.resolve().parent
        inside = _folders(root / "images")
        subsets = [folder for folder in [*inside, *_folders(root)] if path.stem.lower().endswith(folder.name.lower())]
        folders += [*subsets, root / "images", root, *(inside if len(inside) == 1 else [])]
    return list(dict.fromkeys(folders))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
