"""COFW68: the test photos of COFW with 68 points, and which of them are occluded.

Layout: COFW68_Data/test_annotations/NUMBER_points.mat with Points (68, 2) and Occ, and COFW68_Data/
cofw68_test_bboxes.mat. The photos are those of COFW_test_color.mat, which must be beside the annotations or up to three
folders above. MATLAB counts from 1; samples count from 0.

Source:
    Ghiasi and Fowlkes, "Occlusion Coherence: Detecting and Localizing Occluded Faces", arXiv:1506.08347, 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.readers import cofw, matlab
from facelattice.datasets.readers.annotations import check_no_subset
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme


def find_annotations(path: Path) -> Path | None:
    """Find the folder of the annotations at or below a path; None if it is not there."""
    folders = (path / "COFW68_Data" / "test_annotations", path / "test_annotations", path)
    return next((folder for folder in folders if _point_files(folder)), None)


def _point_files(folder: Path) -> list[Path]:
    """Return the files NUMBER_points.mat of a folder, by number; without hidden files."""
    files = [file for file in folder.glob("*_points.mat") if not file.name.startswith(".") and file.is_file()]
    return sorted(files, key=lambda file: (len(file.name), file.name))


def read(path: Path, subset: str | None = None) -> list[Sample]:
    """Read the faces of COFW68, which has no subsets.

    Args:
        path: The folder COFW68_Data, the one above it, or test_annotations.
        subset: Must be None.

    Raises:
        DataError: If the annotations or the photos are missing or damaged, or a subset is given.
        MissingDependencyError: If SciPy or h5py is not installed.
    """
    folder = find_annotations(path)
    if folder is None:
        raise DataError(f"{path}: there are no NUMBER_points.mat files, as in test_annotations of COFW68")
    check_no_subset(path, subset, "COFW68")
    file = next(
        (found["test"] for place in (folder, *folder.parents[:3]) if "test" in (found := cofw.find_files(place))), None
    )
    if file is None:
        raise DataError(f"{folder}: the photos are missing; put COFW_test_color.mat beside it, or one folder above")
    (images,) = matlab.load(file, "IsT")
    paths = cofw.extract_images(file, images)
    boxes_file = folder.parent / "cofw68_test_bboxes.mat"
    boxes = None
    if boxes_file.exists():
        (boxes,) = matlab.load(boxes_file, "bboxes")
        boxes = matlab.to_numbers(boxes, (len(paths), 4), f"{boxes_file}: bboxes of {len(paths)} photos")
    annotations = _point_files(folder)
    samples = []
    for annotation, (points, occluded) in zip(annotations, matlab.load_all(annotations, "Points", "Occ"), strict=True):
        number = annotation.name.removesuffix("_points.mat")
        if not number.isdecimal() or not 1 <= int(number) <= len(paths):
            raise DataError(f"{annotation}: there is no photo {number}; {file.name} has {len(paths)}")
        points = matlab.to_numbers(points, (68, 2), f"{annotation}: Points") - 1
        occluded = matlab.to_numbers(occluded, (68,), f"{annotation}: Occ") > 0
        box = None
        if boxes is not None:
            x, y, width, height = boxes[int(number) - 1]
            box = np.array([x - 1, y - 1, x + width - 1, y + height - 1])
        samples.append(
            make_sample(paths[int(number) - 1], points, get_scheme("ibug68"), number, str(annotation),
                        hidden=occluded, visible=~occluded, dataset_box=box, protocol="cofw68")
        )  # fmt: skip
    return samples
