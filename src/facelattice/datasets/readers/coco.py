"""COCO JSON: the annotations with keypoints of one category.

Images are beside the file, or in a folder images/ there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.datasets.groups import group_names
from facelattice.datasets.sample import Sample, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import Annotation
from facelattice.formats.coco import read_category
from facelattice.schemes import SCHEMES, Scheme


def read(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read the faces of a COCO JSON file, in its order.

    Args:
        path: The file.
        subset: Name of the category; needed if several have keypoints.
        scheme: Scheme of the points. None takes the built-in scheme with as many points, or names and lines of the
            category.

    Raises:
        DataError: If a face does not fit the scheme, or the category does not describe one.
        FormatError: If the file is damaged; it names file and annotation.
    """
    category, annotations = read_category(path, subset)
    return make_samples(path, annotations, scheme or _category_scheme(path, category))


def make_samples(path: Path, annotations: Sequence[Annotation], scheme: Scheme | None) -> list[Sample]:
    """Make samples of the annotations of a COCO or dlib file."""
    samples = []
    groups = group_names([Path(annotation.image).name for annotation in annotations])
    for i, (group, annotation) in enumerate(zip(groups, annotations, strict=True), 1):
        name, points, _, hidden, box = annotation
        where = f"{path}, face {i} ({name})"
        image = path.parent / name
        if not image.exists() and (path.parent / "images" / name).exists():
            image = path.parent / "images" / name
        face_scheme = infer_scheme(len(points), scheme, where)
        samples.append(make_sample(image, points, face_scheme, group, where, hidden=hidden, dataset_box=box))
    return samples


def _category_scheme(path: Path, category: dict[str, Any]) -> Scheme | None:
    """The scheme that a category describes by names and skeleton; None if it is built in, or there are no names."""
    names = category.get("keypoints")
    if not isinstance(names, list) or not names or len(names) in {len(scheme) for scheme in SCHEMES.values()}:
        return None
    try:
        lines = [[int(i) - 1 for i in np.ravel(edge)] for edge in category.get("skeleton") or []]
        return Scheme.from_dict({"name": str(category.get("name") or path.stem), "points": names, "lines": lines})
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: the category does not describe a point scheme: {error}") from error
