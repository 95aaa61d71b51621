"""AFLW-19: 19 points on the photos of AFLW, with profiles.

Zhu et al., "Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016: AFLWinfo_release.mat with
nameList, bbox (left, right, top, bottom), data (19 x, then 19 y), mask_new (which points can be seen) and ra, an order
whose first 20000 faces are for training. The photos are AFLW's own, in data/flickr, flickr or images beside the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facelattice.datasets.readers import matlab
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme

NAME = "AFLWinfo_release.mat"
SUBSETS = ("train", "full", "frontal")
TRAINING = 20000


def read(path: Path, subset: str | None = None) -> list[Sample]:
    """The faces of ``subset``: "train", "full" (all of the test faces), or "frontal" (those where every point is in
    sight). Raises DataError."""
    file = path if path.is_file() else path / NAME
    if subset not in SUBSETS:
        raise DataError(f"{file}: choose a subset out of {', '.join(SUBSETS)}, not {subset!r}")
    names, boxes, data, seen, order = matlab.load(file, "nameList", "bbox", "data", "mask_new", "ra")
    count = len(names)
    shapes = [np.shape(values) for values in (boxes, data, seen)]
    order = np.ravel(order).astype(int) - 1  # MATLAB counts from 1
    if shapes != [(count, 4), (count, 38), (count, 19)] or sorted(order) != list(range(count)):
        raise DataError(
            f"{file}: {count} names do not go with bbox, data and mask_new of {shapes}, and ra {order.shape}"
        )
    root = next((f for f in (file.parent / p for p in ("data/flickr", "flickr", "images")) if f.is_dir()), file.parent)
    frontal = [bool(np.all(row)) for row in seen]
    chosen = order[:TRAINING] if subset == "train" else order[TRAINING:]
    samples = []
    for i in chosen:
        if subset == "frontal" and not frontal[i]:
            continue
        left, right, top, bottom = np.float64(boxes[i])
        attributes = {} if subset == "train" else {"frontal": frontal[i]}
        samples.append(
            make_sample(root / str(names[i]), np.float64(data[i]).reshape(2, 19).T, get_scheme("aflw19"), str(names[i]),
                        f"{file}, face {i + 1}", attributes, hidden=np.asarray(seen[i]) == 0,
                        dataset_box=np.array([left, top, right, bottom]), benchmark="aflw19")
        )  # fmt: skip
    if not samples:
        raise DataError(f"{file}: {count} faces, of which none is in the subset {subset!r}")
    return samples
