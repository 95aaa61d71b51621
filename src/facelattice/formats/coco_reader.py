"""Reader of COCO JSON: keypoints of a dataset, and keypoint results of other programs.

Keypoints are x, y, v for each point, counted from 0; v is 0 for a missing point, 1 for a hidden and 2 for a visible
one, see `interpret_keypoints`.

Source:
    Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org/#format-data
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from facelattice.exceptions import FormatError
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.formats.keypoints import Keypoints, interpret_keypoints
from facelattice.formats.parsing import MAX_COORDINATE, check_image_name, load_json

Id = str  # 1, 1.0 and "1" are the same id
Entry = dict[str, Any]


class CocoResult(NamedTuple):
    """One face of a results file.

    Attributes:
        image_id: Id of the image in the dataset.
        category_id: Id of the category in the dataset; "" if the file states none.
        points: float32 (N, 2), pixels, NaN where missing.
    """

    image_id: Id
    category_id: Id
    points: np.ndarray


class CocoIndex(NamedTuple):
    """The images and the keypoints of a dataset, to which results refer by id.

    Attributes:
        images: Names of the images by their ids.
        names: Names of the keypoints; empty if the dataset states none.
        category: Name of the category.
        skeleton: Lines between keypoints as the file states them, unchecked.
    """

    images: dict[Id, str]
    names: tuple[str, ...]
    category: str
    skeleton: Any


def read_coco(path: str | os.PathLike[str], category: str | None = None) -> list[Annotation]:
    """Read the annotations with keypoints, in their order, without crowds and annotations without a point.

    Many files state v = 1 or v = 2 for all points: a point is hidden or visible only if the file has both values.

    Args:
        path: The file.
        category: Name of the category; needed if several have keypoints.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and annotation.
    """
    return read_coco_file(path, category).faces


def read_coco_file(path: str | os.PathLike[str], category: str | None = None) -> AnnotationFile:
    """Read what `read_coco` returns, with the name, the names of keypoints and the skeleton of the category."""
    images, categories, annotations = _load_dataset(path)
    entries = [
        (entry, f"{path}, annotation {i}")
        for i, entry in enumerate(annotations)
        if isinstance(entry, dict) and entry.get("iscrowd") not in (1, "1") and entry.get("keypoints") not in (None, [])
    ]
    ids = [_category_id(entry, where) for entry, where in entries]
    chosen = _choose_categories(path, category, categories, list(dict.fromkeys(ids)))
    entries = [entry for entry, id in zip(entries, ids, strict=True) if id in chosen]
    faces = []
    for (entry, where), points in zip(entries, _read_points(entries), strict=True):
        image = images.get(_id(entry.get("image_id"), "image_id", where))
        if image is None:
            raise FormatError(f"{where}: there is no image with the id {entry['image_id']}")
        if points.mask.any():
            faces.append(
                Annotation(check_image_name(image.get("file_name"), where), *points, _box(entry.get("bbox"), where))
            )
    definition = categories.get(chosen[0], {}) if chosen else {}
    names = _keypoint_names(definition, path)
    for face in faces:
        _check_count(names, face.points, f"a face in {face.image!r}", path)
    return AnnotationFile(
        faces,
        names,
        str(definition.get("name") or ""),
        definition.get("skeleton"),
        images_without_faces=_images_without_annotations(annotations, images, path),
    )


def _load_dataset(path: str | os.PathLike[str]) -> tuple[dict[Id, Entry], dict[Id, Entry], list[Any]]:
    """Load a dataset: its images and categories by id, and its annotations, unchecked."""
    content = load_json(path)
    if not is_coco_dataset(content):
        raise FormatError(f"{path}: not COCO JSON; expected an object with the lists images and annotations")
    return _read_images(content["images"], path), _read_categories(content, path), content["annotations"]


def _images_without_annotations(annotations: list[Any], images: dict[Id, Entry], path: Any) -> list[str]:
    """Return the names of images without an annotation of any kind; entries without a name are left out."""
    annotated = {
        _id(entry["image_id"], "image_id", f"{path}, annotation {i}")
        for i, entry in enumerate(annotations)
        if isinstance(entry, dict) and entry.get("image_id") is not None
    }
    names = [image.get("file_name") for id, image in images.items() if id not in annotated]
    return [name for name in names if isinstance(name, str) and name]


def _check_count(names: Sequence[str], points: np.ndarray, owner: str, path: str | os.PathLike[str]) -> None:
    """Raise FormatError if the category names its keypoints, and there are more or fewer points."""
    if names and len(points) != len(names):
        raise FormatError(
            f"{path}: the category has {len(names)} names of keypoints, but {owner} has {len(points)} points"
        )


def is_coco_dataset(content: Any) -> bool:
    """Return whether the content of a JSON file is an object with images and annotations."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations"))


def read_coco_index(path: str | os.PathLike[str], results: Sequence[CocoResult]) -> CocoIndex:
    """Read the names of the images of a COCO dataset, and of the keypoints of results.

    Args:
        path: The dataset.
        results: The results, which are of one category.

    Raises:
        FormatError: If the file is damaged or of another kind, or the results have other keypoints.
    """
    images, categories, _ = _load_dataset(path)
    used = [id for id in dict.fromkeys(result.category_id for result in results) if id in categories]
    chosen = _choose_categories(
        path, None, categories, used or [id for id in categories if categories[id].get("keypoints")]
    )
    definition = categories[chosen[0]] if chosen else {}
    names = _keypoint_names(definition, path)
    for result in results:
        _check_count(names, result.points, "a result", path)
    return CocoIndex(
        {id: check_image_name(image.get("file_name"), f"{path}, image {id}") for id, image in images.items()},
        names,
        str(definition.get("name") or ""),
        definition.get("skeleton"),
    )


def is_coco_results(content: Any) -> bool:
    """Return whether the content of a JSON file is a list of keypoint results."""
    return isinstance(content, list) and all(
        isinstance(entry, dict) and "image_id" in entry and "keypoints" in entry for entry in content
    )


def read_coco_results(path: str | os.PathLike[str]) -> list[CocoResult]:
    """Read a results file: a list of objects with image_id and keypoints. Those without a point are left out.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and result.
    """
    content = load_json(path)
    if not is_coco_results(content):
        raise FormatError(f"{path}: not COCO results; expected a list of objects with image_id and keypoints")
    entries = [(entry, f"{path}, result {i}") for i, entry in enumerate(content)]
    return [
        CocoResult(_id(entry["image_id"], "image_id", where), _category_id(entry, where), points.points)
        for (entry, where), points in zip(entries, _read_points(entries), strict=True)
        if points.mask.any()
    ]


def _id(value: Any, key: str, where: str) -> Id:
    """Return an id as text, equal for 1, 1.0 and "1"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise FormatError(f"{where}: {key} must be a number or text, not {reprlib.repr(value)}")
    return str(value).strip()


def _read_images(images: list[Any], path: Any) -> dict[Id, Entry]:
    by_id: dict[Id, Entry] = {}
    for i, image in enumerate(images):
        where = f"{path}, image {i}"
        if not isinstance(image, dict) or "id" not in image:
            raise FormatError(f"{where}: id is missing")
        id = _id(image["id"], "id", where)
        name = image.get("file_name")
        if by_id.setdefault(id, image).get("file_name") != name:
            raise FormatError(f"{where}: the id {id} occurs twice, for {by_id[id].get('file_name')!r} and {name!r}")
    return by_id


def _read_categories(content: Entry, path: Any) -> dict[Id, Entry]:
    listed = content.get("categories")
    categories: dict[Id, Entry] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), (int, float, str)):
            id = _id(entry["id"], "id", f"{path}, category")
            if any(categories.setdefault(id, entry).get(key) != entry.get(key) for key in ("name", "keypoints")):
                raise FormatError(f"{path}: the category id {id} occurs twice, with different names")
    return categories


def _category_id(entry: Entry, where: str) -> Id:
    id = entry.get("category_id")
    return "" if id is None else _id(id, "category_id", where)


def _choose_categories(path: Any, category: str | None, categories: dict[Id, Entry], used: list[Id]) -> list[Id]:
    """Return the ids of the category; several ids may have the same name and the same keypoints."""
    by_name: dict[str, list[Id]] = {}
    for id in used:
        by_name.setdefault(str(categories.get(id, {}).get("name", id)), []).append(id)
    if category is not None and category not in by_name:
        known = ", ".join(by_name) or "none"
        raise FormatError(f"{path}: no category {category!r} with keypoints; categories with keypoints: {known}")
    if category is None and len(by_name) > 1:
        raise FormatError(f"{path}: several categories have keypoints; choose one as the subset: {', '.join(by_name)}")
    chosen = by_name[category] if category is not None else next(iter(by_name.values()), [])
    if len({repr(categories.get(id, {}).get("keypoints")) for id in chosen}) > 1:
        raise FormatError(f"{path}: the categories {' and '.join(chosen)} have the same name, but different keypoints")
    return chosen


def _read_points(entries: Sequence[tuple[Entry, str]]) -> list[Keypoints]:
    """Read the keypoints of annotations."""
    return interpret_keypoints([(_keypoint_values(entry["keypoints"], where), where) for entry, where in entries])


def _keypoint_values(keypoints: Any, where: str) -> np.ndarray:
    """Return x, y and v of each point, float64 (N, 3); x and y may be NaN, v may not."""
    if isinstance(keypoints, list) and all(isinstance(point, list) and len(point) == 3 for point in keypoints):
        keypoints = [value for point in keypoints for value in point]
    values = _numbers(keypoints, where, "keypoints")
    if len(values) % 3:
        raise FormatError(f"{where}: {len(values)} keypoint values, but each point has x, y and v")
    values = values.reshape(-1, 3)
    values[:, 2] = np.nan_to_num(values[:, 2], nan=0.0)
    return values


def _numbers(values: Any, where: str, key: str) -> np.ndarray:
    """Return a list of numbers as float64; null is NaN."""
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.array(np.nan)
    if numbers.ndim != 1:
        raise FormatError(f"{where}: {key} must be a list of finite numbers")
    return numbers


def _box(values: Any, where: str) -> np.ndarray | None:
    """Return the corners of a box; None if it is missing or a value is null."""
    if values is None or values == []:
        return None
    box = _numbers(values, where, "bbox")
    if len(box) != 4:
        raise FormatError(f"{where}: bbox must be x, y, width, height, not {len(box)} values")
    if np.isnan(box).any():
        return None
    if not (np.abs(box) <= MAX_COORDINATE).all():
        raise FormatError(f"{where}: bbox must be a list of finite numbers")
    return np.concatenate([box[:2], box[:2] + box[2:]])


def _keypoint_names(category: Entry, path: Any) -> tuple[str, ...]:
    names = category.get("keypoints") or ()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, (str, int)) and name != "" for name in names):
        raise FormatError(f"{path}: keypoints of the category must be a list of names, not {reprlib.repr(names)}")
    return tuple(map(str, names))
