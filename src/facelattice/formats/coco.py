"""COCO JSON: the keypoints of one category, as pycocotools and most training programs take them.

Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org/#format-data. Keypoints are
x, y, v in turn, counted from 0: v is 0 for a missing point, 1 for one that is hidden, 2 for one in sight.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from facelattice.face import Face
from facelattice.formats.annotation import Annotation
from facelattice.formats.files import atomic_write


def write_coco(path: str | os.PathLike, images: Iterable[tuple[str, Sequence[Face]]]) -> None:
    """Images, as (name, its faces), to 1/1000 pixel: for `COCO(path)`, its annotations for `loadRes` too.

    Raises ValueError where faces differ in their scheme: the file has one category.
    """
    with atomic_write(path) as file:  # opened first: a file that cannot be is refused before the work
        json.dump(_content(images), file, allow_nan=False)
        file.write("\n")


def _content(images: Iterable[tuple[str, Sequence[Face]]]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    scheme = None
    for number, (image, faces) in enumerate(images, 1):
        entries.append({"id": number, "file_name": image})
        for face in faces:
            if scheme is not None and face.scheme.names != scheme.names:
                raise ValueError(f"{image}: points of {face.scheme.name}, but those before are of {scheme.name}")
            scheme = face.scheme
            if face.image is not None:
                entries[-1] |= {"height": face.image.shape[0], "width": face.image.shape[1]}
            there = np.isfinite(face.points).all(1)
            x0, y0, x1, y1 = (round(float(v), 3) for v in face.box)
            annotations.append(
                {
                    "id": len(annotations) + 1, "image_id": number, "category_id": 1, "iscrowd": 0,
                    "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
                    "area": round((x1 - x0) * (y1 - y0), 3),
                    "keypoints": [
                        value
                        for (x, y), known in zip(face.points.tolist(), there, strict=True)
                        for value in ([round(x, 3), round(y, 3), 2] if known else [0, 0, 0])
                    ],
                    "num_keypoints": int(there.sum()),
                    "score": round(face.score, 4),
                }
            )  # fmt: skip
    edges = [] if scheme is None else [[a + 1, b + 1] for line in scheme.lines for a, b in pairwise(line)]
    category = {
        "id": 1, "name": "face", "supercategory": "person",
        "keypoints": [] if scheme is None else list(scheme.names), "skeleton": edges,
    }  # fmt: skip
    return {"images": entries, "annotations": annotations, "categories": [category]}


def read_coco(path: str | os.PathLike, category: str | None = None) -> list[Annotation]:
    """The annotations with keypoints, in their order; crowds and those without a keypoint are passed over.

    category: its name, where the file has several with keypoints. Many files write v = 1 for all points; a point is
    hidden only where the file has some with v = 2 as well. Raises ValueError, naming file and annotation.
    """
    return read_category(path, category)[1]


def read_category(path: str | os.PathLike, category: str | None) -> tuple[dict[str, Any], list[Annotation]]:
    """The category's own entry (its name, perhaps names of keypoints and a skeleton), and `read_coco`."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            content = json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise ValueError(f"{path}: not COCO JSON; expected an object with the lists images and annotations")
    names = {_get(image, "id", f"{path}, image {i}"): image for i, image in enumerate(content["images"])}
    known = {entry.get("id"): entry for entry in content.get("categories") or [] if isinstance(entry, dict)}
    with_points = [
        (i, entry)
        for i, entry in enumerate(content["annotations"])
        if isinstance(entry, dict) and not entry.get("iscrowd") and entry.get("keypoints")
    ]
    chosen = _choose(path, category, known, {entry.get("category_id") for _, entry in with_points})
    rows = []
    for i, entry in with_points:
        if entry.get("category_id") != chosen:
            continue
        where = f"{path}, annotation {i}"
        image = names.get(_get(entry, "image_id", where))
        if image is None:
            raise ValueError(f"{where}: there is no image with the id {entry['image_id']}")
        points, visibility = _keypoints(entry["keypoints"], where)
        rows.append((str(_get(image, "file_name", where)), points, visibility, _box(entry.get("bbox"), where)))
    tells = any((visibility == 2).any() for _, _, visibility, _ in rows)
    annotations = [
        Annotation(image, points, visibility > 0, (visibility == 1) & tells, box)
        for image, points, visibility, box in rows
        if (visibility > 0).any()
    ]
    return known.get(chosen, {}), annotations


def _choose(path: Any, category: str | None, known: dict[Any, dict[str, Any]], used: set[Any]) -> Any:
    names = {known.get(id, {}).get("name", str(id)): id for id in used}
    if category is not None and category not in names:
        raise ValueError(f"{path}: no category {category!r} has keypoints; those that do: {', '.join(names) or 'none'}")
    if category is None and len(names) > 1:
        raise ValueError(f"{path}: several categories have keypoints; say which as the subset: {', '.join(names)}")
    return names[category] if category is not None else next(iter(used), None)


def _get(entry: Any, key: str, where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, (int, str)):
        raise ValueError(f"{where}: {key} is missing or is no number or text")
    return value


def _numbers(values: Any, where: str, what: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError(f"{where}: {what} must be a list of finite numbers")
    return numbers


def _keypoints(values: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 (N, 2), NaN where v is 0, and v (N,)."""
    numbers = _numbers(values, where, "keypoints")
    if len(numbers) % 3:
        raise ValueError(f"{where}: {len(numbers)} keypoint values, but each point has x, y and v")
    x, y, visibility = numbers.reshape(-1, 3).T
    if not np.isin(visibility, (0, 1, 2)).all():
        raise ValueError(f"{where}: the third value of a keypoint is 0, 1 or 2, not {visibility.max():g}")
    points = np.where(visibility[:, None] > 0, np.stack([x, y], axis=1), np.nan)
    return points.astype(np.float32), visibility


def _box(values: Any, where: str) -> np.ndarray | None:
    if values is None:
        return None
    box = _numbers(values, where, "bbox")
    if len(box) != 4:
        raise ValueError(f"{where}: bbox must be x, y, width, height, not {len(box)} values")
    return np.concatenate([box[:2], box[:2] + box[2:]])
