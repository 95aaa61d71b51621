"""Files that hold boxes or visibility beside the points: COCO JSON and dlib's XML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.datasets.sample import Sample, group_names, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import Annotation, read_dlib_xml
from facelattice.formats.coco import read_category
from facelattice.schemes import SCHEMES, Scheme


def read_coco(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """The faces in a COCO JSON. ``subset``: the category, where several have keypoints. Raises DataError.

    Points of a number that no built-in scheme has take their names and lines from the category, if it has any. Images
    lie beside the file, or in images/ there.
    """
    try:
        category, annotations = read_category(path, subset)
    except ValueError as error:
        raise DataError(str(error)) from error
    return _samples(path, annotations, scheme or _own_scheme(path, category))


def read_xml(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """The faces in dlib's XML, which has no subsets. Raises DataError, ImportError without defusedxml."""
    if subset is not None:
        raise DataError(f"{path}: dlib's XML has no subsets, so there is no {subset!r}")
    try:
        annotations = read_dlib_xml(path)
    except ValueError as error:
        raise DataError(str(error)) from error
    return _samples(path, annotations, scheme)


def _samples(path: Path, annotations: Sequence[Annotation], scheme: Scheme | None) -> list[Sample]:
    samples = []
    groups = group_names([Path(image_name).name for image_name, *_ in annotations])
    for i, (group, (image_name, points, mask, hidden, box)) in enumerate(zip(groups, annotations, strict=True), 1):
        where = f"{path}, face {i} ({image_name})"
        if mask.sum() < 2:
            raise DataError(f"{where}: fewer than two points are annotated; leave this face out")
        image = path.parent / image_name
        if not image.exists() and (path.parent / "images" / image_name).exists():
            image = path.parent / "images" / image_name
        own = infer_scheme(len(points), scheme, where)
        samples.append(make_sample(image, points, own, group, where, hidden=hidden, dataset_box=box))
    return samples


def _own_scheme(path: Path, category: dict[str, Any]) -> Scheme | None:
    """The scheme that a category describes by its names and skeleton; None where it is built in, or describes none."""
    names = category.get("keypoints")
    if not isinstance(names, list) or not names or len(names) in {len(scheme) for scheme in SCHEMES.values()}:
        return None
    try:
        lines = [[int(i) - 1 for i in np.ravel(edge)] for edge in category.get("skeleton") or []]
        return Scheme.from_dict({"name": str(category.get("name") or path.stem), "points": names, "lines": lines})
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: its category is no point scheme: {error}") from error
