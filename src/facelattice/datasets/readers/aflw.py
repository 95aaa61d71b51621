"""AFLW-19: 19 points on the photos of AFLW, with profiles.

Layout: AFLWinfo_release.mat with nameList, bbox (left, right, top, bottom), data (19 x, then 19 y), mask_new (which
points are visible) and ra, an order whose first 20000 faces are for training. The photos are those of AFLW, in
data/flickr, flickr or images beside the file.

Source:
    Zhu et al., "Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.readers import matlab
from facelattice.datasets.readers.annotations import check_subset
from facelattice.datasets.readers.files import ImageFinder
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme

NAME = "AFLWinfo_release.mat"
SUBSETS = ("train", "full", "frontal")
TEST_SUBSET = "full"
NUM_TRAINING_FACES = 20000


def read(path: Path, subset: str | None = None) -> list[Sample]:
    """Read the faces of a subset.

    Args:
        path: The .mat file, or its folder.
        subset: "train", "full" (all test faces), or "frontal" (test faces with all points visible).

    Raises:
        DataError: If the subset does not exist, or the file is damaged.
        MissingDependencyError: If SciPy or h5py is not installed.
    """
    file = path if path.is_file() else path / NAME
    subset = check_subset(file, subset, SUBSETS)
    names, boxes, data, visible, order = matlab.load(file, "nameList", "bbox", "data", "mask_new", "ra")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{file}: nameList is not a cell array of names")
    num_faces = len(names)
    boxes = matlab.to_numbers(boxes, (num_faces, 4), f"{file}: bbox of {num_faces} names")
    data = matlab.to_numbers(data, (num_faces, 38), f"{file}: data of {num_faces} names")
    visible = matlab.to_numbers(visible, (num_faces, 19), f"{file}: mask_new of {num_faces} names") != 0
    order = matlab.to_numbers(order, (num_faces,), f"{file}: ra of {num_faces} names") - 1  # from 1
    if sorted(order) != list(range(num_faces)):
        raise DataError(f"{file}: ra is not an order of {num_faces} faces")
    folders = [file.parent / name for name in ("data/flickr", "flickr", "images")]
    finder = ImageFinder(next((folder for folder in folders if folder.is_dir()), file.parent))
    frontal = visible.all(1)
    samples = []
    chosen = order[:NUM_TRAINING_FACES] if subset == "train" else order[NUM_TRAINING_FACES:]
    for i in chosen.astype(int):
        if subset == "frontal" and not frontal[i]:
            continue
        left, right, top, bottom = boxes[i]
        attributes = {} if subset == "train" else {"frontal": bool(frontal[i])}
        samples.append(
            make_sample(finder.find(names[i]), data[i].reshape(2, 19).T, get_scheme("aflw19"), names[i],
                        f"{file}, face {i + 1}", attributes, hidden=~visible[i], visible=visible[i],
                        dataset_box=np.array([left, top, right, bottom]), protocol="aflw19")
        )  # fmt: skip
    if not samples:
        raise DataError(f"{file}: none of its {num_faces} faces is in the subset {subset!r}")
    return samples
