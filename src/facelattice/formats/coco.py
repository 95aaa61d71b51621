"""COCO JSON: the keypoints of one category, as pycocotools and most training programs read them.

Keypoints are x, y, v for each point, with coordinates that count from 0. v is 0 for a missing point, 1 for a hidden
and 2 for a visible one.

Source:
    Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.annotation import Annotation
from facelattice.formats.atomic import atomic_write
from facelattice.schemes import Scheme


class CocoTable:
    """Encodes faces of images as COCO JSON, to 1/1000 pixel."""

    def __init__(self) -> None:
        self._scheme: Scheme | None = None
        self._images: list[tuple[str, list[str]]] = []  # JSON of each image and of its annotations
        self._num_annotations = 0

    def add(self, image: str, faces: Sequence[Face]) -> str:
        """Add an image; the text follows at the end, as COCO lists all images before the annotations.

        Raises:
            FormatError: If the faces have another scheme than those before; the file has one category.
        """
        scheme = self._scheme
        entry: dict[str, Any] = {"id": len(self._images) + 1, "file_name": image}
        annotations: list[str] = []
        for face in faces:
            if scheme is not None and face.scheme.names != scheme.names:
                raise FormatError(
                    f"{image}: the scheme is {face.scheme.name}, but {scheme.name} for the faces before; "
                    "a COCO file holds one scheme"
                )
            scheme = face.scheme
            if face.image is not None:
                entry |= {"height": face.image.shape[0], "width": face.image.shape[1]}
            number = self._num_annotations + len(annotations) + 1
            annotations.append(json.dumps(_annotation(face, number, entry["id"]), allow_nan=False))
        self._scheme = scheme
        self._images.append((json.dumps(entry), annotations))
        self._num_annotations += len(annotations)
        return ""

    def end(self) -> str:
        """Return the whole file."""
        scheme = self._scheme
        edges = [] if scheme is None else [[a + 1, b + 1] for line in scheme.lines for a, b in pairwise(line)]
        category = {
            "id": 1, "name": "face", "supercategory": "person",
            "keypoints": [] if scheme is None else list(scheme.names), "skeleton": edges,
        }  # fmt: skip
        images = ", ".join(image for image, _ in self._images)
        annotations = ", ".join(annotation for _, some in self._images for annotation in some)
        return f'{{"images": [{images}], "annotations": [{annotations}], "categories": [{json.dumps(category)}]}}\n'


def _annotation(face: Face, number: int, image_number: int) -> dict[str, Any]:
    finite = np.isfinite(face.points).all(1)
    x0, y0, x1, y1 = (round(float(v), 3) for v in face.box)
    return {
        "id": number, "image_id": image_number, "category_id": 1, "iscrowd": 0,
        "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
        "area": round((x1 - x0) * (y1 - y0), 3),
        "keypoints": [
            value
            for (x, y), known in zip(face.points.tolist(), finite, strict=True)
            for value in ([round(x, 3), round(y, 3), 2] if known else [0, 0, 0])
        ],
        "num_keypoints": int(finite.sum()),
        "score": round(face.score, 4),
    }  # fmt: skip


def write_coco(path: str | os.PathLike[str], images: Iterable[tuple[str, Sequence[Face]]]) -> None:
    """Write faces as COCO keypoints, to 1/1000 pixel.

    Args:
        path: The file.
        images: (name of the image, its faces) for each image.

    Raises:
        FormatError: If faces differ in their scheme.
    """
    table = CocoTable()
    with atomic_write(path) as file:
        for image, faces in images:
            table.add(image, faces)
        file.write(table.end())


def read_coco(path: str | os.PathLike[str], category: str | None = None) -> list[Annotation]:
    """Read the annotations with keypoints, in their order, without crowds and annotations without a point.

    Many files state v = 1 for all points: a point is hidden only if another point of the file has v = 2.

    Args:
        path: The file.
        category: Name of the category; needed if several have keypoints.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and annotation.
    """
    return read_category(path, category)[1]


def read_category(path: str | os.PathLike[str], category: str | None) -> tuple[dict[str, Any], list[Annotation]]:
    """Read the entry of a category (name, perhaps names of keypoints and a skeleton), and what `read_coco` returns."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise FormatError(f"{path}: not COCO JSON; expected an object with the lists images and annotations")
    images = {_get(image, "id", f"{path}, image {i}"): image for i, image in enumerate(content["images"])}
    categories = {entry.get("id"): entry for entry in content.get("categories") or [] if isinstance(entry, dict)}
    with_points = [
        (i, entry)
        for i, entry in enumerate(content["annotations"])
        if isinstance(entry, dict) and not entry.get("iscrowd") and entry.get("keypoints")
    ]
    chosen = _choose(path, category, categories, {entry.get("category_id") for _, entry in with_points})
    rows = []
    for i, entry in with_points:
        if entry.get("category_id") != chosen:
            continue
        where = f"{path}, annotation {i}"
        image = images.get(_get(entry, "image_id", where))
        if image is None:
            raise FormatError(f"{where}: there is no image with the id {entry['image_id']}")
        points, visibility = _keypoints(entry["keypoints"], where)
        rows.append((str(_get(image, "file_name", where)), points, visibility, _box(entry.get("bbox"), where)))
    states_visibility = any((visibility == 2).any() for _, _, visibility, _ in rows)
    annotations = [
        Annotation(image, points, visibility > 0, (visibility == 1) & states_visibility, box)
        for image, points, visibility, box in rows
        if (visibility > 0).any()
    ]
    return categories.get(chosen, {}), annotations


def _choose(path: Any, category: str | None, categories: dict[Any, dict[str, Any]], used: set[Any]) -> Any:
    names = {categories.get(id, {}).get("name", str(id)): id for id in used}
    if category is not None and category not in names:
        known = ", ".join(names) or "none"
        raise FormatError(f"{path}: no category {category!r} with keypoints; categories with keypoints: {known}")
    if category is None and len(names) > 1:
        raise FormatError(f"{path}: several categories have keypoints; choose one as the subset: {', '.join(names)}")
    return names[category] if category is not None else next(iter(used), None)


def _get(entry: Any, key: str, where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, (int, str)):
        raise FormatError(f"{where}: {key} is missing, or neither a number nor text")
    return value


def _numbers(values: Any, where: str, key: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([np.nan])
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise FormatError(f"{where}: {key} must be a list of finite numbers")
    return numbers


def _keypoints(values: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the points float32 (N, 2), NaN where v is 0, and v (N,)."""
    numbers = _numbers(values, where, "keypoints")
    if len(numbers) % 3:
        raise FormatError(f"{where}: {len(numbers)} keypoint values, but each point has x, y and v")
    x, y, visibility = numbers.reshape(-1, 3).T
    if not np.isin(visibility, (0, 1, 2)).all():
        raise FormatError(f"{where}: the third value of a keypoint is 0, 1 or 2, not {visibility.max():g}")
    points = np.where(visibility[:, None] > 0, np.stack([x, y], axis=1), np.nan)
    return points.astype(np.float32), visibility


def _box(values: Any, where: str) -> np.ndarray | None:
    if values is None:
        return None
    box = _numbers(values, where, "bbox")
    if len(box) != 4:
        raise FormatError(f"{where}: bbox must be x, y, width, height, not {len(box)} values")
    return np.concatenate([box[:2], box[:2] + box[2:]])
