"""YOLO-pose datasets of Ultralytics: data.yaml, images/ and labels/ with a line for each face.

A line is: class, center x, center y, width, height of the box, and x, y, v of each point, all relative to the size of
the image. So coordinates count from the corner of the top left pixel. v is 0 for a missing point, 1 for a hidden and 2
for a visible one; it can be left out.

Source:
    https://docs.ultralytics.com/datasets/pose/
"""

from __future__ import annotations

import json
import os
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.exceptions import FormatError
from facelattice.file_search import image_suffixes, is_regular_or_missing, walk_files
from facelattice.formats.annotation import AnnotatedImage, Annotation, AnnotationFile
from facelattice.formats.keypoints import MISSING, VISIBLE, interpret_keypoints, visibility_flags
from facelattice.formats.names import relative_path
from facelattice.formats.parsing import open_text, parse_number
from facelattice.image_io import image_size
from facelattice.schemes import MAX_POINTS, Scheme
from facelattice.yaml_check import load_yaml

SPLITS = ("train", "val", "test")
MAX_FRACTION = 10  # points may be a little outside of the image; larger numbers are pixels


def yolo_label(image: AnnotatedImage) -> str:
    """Encode the faces of an image as the content of its file in labels/.

    Ultralytics rejects images with values outside of 0 to 1. So points outside of the image become missing points, and
    boxes are cut at the edge of the image. A face without a box gets the tight box of its points.
    """
    size = np.array([image.width, image.height])
    lines = []
    for face in image.faces:
        places = geometry.to_corner_origin(face.points) / size
        inside = face.mask & ~outside(face, image)
        corners = (geometry.to_corner_origin(face.box_or_points_box()).reshape(2, 2) / size).clip(0, 1)
        values = [*corners.mean(0), *(corners[1] - corners[0])]
        for (x, y), v in zip(places, visibility_flags(inside, face.hidden), strict=True):
            values += [x, y, v] if v else [0, 0, 0]
        lines.append(f"0 {' '.join(f'{value:.8g}' for value in values)}\n")
    return "".join(lines)


def outside(face: Annotation, image: AnnotatedImage) -> np.ndarray:
    """Return which points of a face are outside of its image, bool (N,)."""
    fractions = geometry.to_corner_origin(face.points) / [image.width, image.height]
    return face.mask & ((fractions < 0) | (fractions > 1)).any(1)


def data_yaml(scheme: Scheme) -> str:
    """Return the content of data.yaml for images in images/. Training and validation have the same images."""
    lines = [
        "train: images",
        "val: images",
        f"kpt_shape: [{len(scheme)}, 3]",
        f"flip_idx: {scheme.mirror.tolist()}",
        "names:\n  0: face",
        f"kpt_names:\n  0: {json.dumps(list(scheme.names))}",
    ]
    return "\n".join(lines) + "\n"


def read_yolo_file(path: Path, split: str | None = None) -> AnnotationFile:
    """Read the faces of a split.

    Args:
        path: The file data.yaml.
        split: "train", "val" or "test"; needed if their images differ.

    Returns:
        The faces, with the paths of the images relative to the file; and the names of the points, if it has kpt_names.

    Raises:
        FormatError: If a file is damaged, or the split does not exist; it names the file and the line.
        ImageError: If an image cannot be read.
        MissingDependencyError: If PyYAML is not installed.
    """
    content = _load_yaml(path)
    num_points, num_values = _read_shape(content, path)
    images = _find_images(content, path, split)
    found: list[tuple[Path, np.ndarray]] = []  # image and box
    keypoints: list[tuple[np.ndarray, str]] = []
    without_faces = []
    for image in images:
        label = _label_path(image)
        rows = _read_rows(label, 5 + num_points * num_values) if label.is_file() else []
        if not rows:
            without_faces.append(relative_path(image, path.parent))
        else:
            size = np.array(image_size(image))
            for where, values in rows:
                corners = np.stack([values[1:3] - values[3:5] / 2, values[1:3] + values[3:5] / 2])
                found.append((image, geometry.from_corner_origin(corners * size).reshape(4)))
                keypoints.append((_to_pixels(values[5:].reshape(num_points, num_values), size), where))
    names = _point_names(content, num_points, path)
    faces = [
        Annotation(relative_path(image, path.parent), *points, box)
        for (image, box), points in zip(found, interpret_keypoints(keypoints), strict=True)
        if points.mask.any()
    ]
    return AnnotationFile(faces, names, images_without_faces=without_faces)


def _to_pixels(points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return x, y and v, (N, 3); without v, a point at 0, 0 or below is missing."""
    third = points[:, 2] if points.shape[1] == 3 else np.where((points <= 0).all(1), MISSING, VISIBLE)
    return np.column_stack([geometry.from_corner_origin(points[:, :2] * size), third])


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(path)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error
    if not isinstance(content, dict):
        raise FormatError(f"{path}: not a data.yaml of YOLO; expected the keys train and kpt_shape")
    return content


def _read_shape(content: dict[str, Any], path: Path) -> tuple[int, int]:
    shape = content.get("kpt_shape")
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(value) is int for value in shape):
        raise FormatError(f"{path}: kpt_shape must be the number of points and of their values, not {shape!r}")
    if not 0 < shape[0] <= MAX_POINTS or shape[1] not in (2, 3):
        raise FormatError(f"{path}: kpt_shape must be [N, 2] or [N, 3], not {shape}")
    return shape[0], shape[1]


def _point_names(content: dict[str, Any], num_points: int, path: Path) -> tuple[str, ...]:
    """Return the names of the points of the first class; empty if there are none."""
    names = content.get("kpt_names")
    if isinstance(names, dict):
        names = next(iter(names.values()), None)
    if isinstance(names, list) and names and isinstance(names[0], list):
        names = names[0]
    if names is None:
        return ()
    if not isinstance(names, list) or len(names) != num_points or not all(isinstance(n, (str, int)) for n in names):
        raise FormatError(f"{path}: kpt_names must be {num_points} names, not {reprlib.repr(names)}")
    return tuple(map(str, names))


def _find_images(content: dict[str, Any], path: Path, split: str | None) -> list[Path]:
    splits = {name: _list_images(content[name], name, content, path) for name in SPLITS if content.get(name)}
    if split is not None and split not in splits:
        raise FormatError(f"{path}: there is no {split!r}; found {', '.join(splits) or 'none'}")
    if split is None and len({tuple(images) for images in splits.values()}) > 1:
        raise FormatError(f"{path}: contains several sets of images; choose a subset: {', '.join(splits)}")
    if not splits:
        raise FormatError(f"{path}: the key train is missing, the folder of the images")
    return splits[split] if split is not None else next(iter(splits.values()))


def _list_images(entry: Any, split: str, content: dict[str, Any], path: Path) -> list[Path]:
    """Return the images of folders, or of text files that list them."""
    root = path.parent
    stated = content.get("path")
    if isinstance(stated, str) and "\0" not in stated and (root / stated).is_dir():
        root = root / stated
    images: list[Path] = []
    for name in entry if isinstance(entry, list) else [entry]:
        if not isinstance(name, str) or not name or "\0" in name:
            raise FormatError(f"{path}: {split} must be a folder of images, not {reprlib.repr(name)}")
        name = name.replace("\\", "/")  # written on Windows
        place = root / name
        if not place.exists() and name.startswith("../"):  # paths of Roboflow are relative to another folder
            place = root / name[3:]
        if place.is_dir():
            if place.resolve() == Path(place.resolve().anchor):
                raise FormatError(f"{path}: {split} is {name!r}, which is the whole disk")
            images += sorted(
                file
                for file in walk_files(place)
                if file.suffix.lower() in image_suffixes() and is_regular_or_missing(file)
            )
        elif place.is_file():
            with open_text(place) as file:
                lines = file.read().replace("\\", "/").splitlines()
            listed = [place.parent / line.strip() for line in lines if line.strip() and "\0" not in line]
            missing = [image for image in listed if not image.is_file()]
            if missing:
                raise FormatError(f"{place}: {len(missing)} of its images do not exist, such as {missing[0]}")
            images += listed
        else:
            raise FormatError(f"{path}: {split} is {name!r}, but there is no folder {place}")
    return images


def _label_path(image: Path) -> Path:
    """Return the file of labels: in the folder labels/ in place of the last images/ of the path."""
    parts = list(Path(os.path.abspath(image)).parts)
    folders = [k for k, part in enumerate(parts[:-1]) if part == "images"]
    if folders:
        parts[folders[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _read_rows(path: Path, num_values: int) -> list[tuple[str, np.ndarray]]:
    rows = []
    with open_text(path) as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines, 1):
        cells, where = line.split(), f"{path}, line {number}"
        if not cells:
            continue
        if len(cells) != num_values:
            raise FormatError(f"{where}: {len(cells)} values, but kpt_shape in data.yaml needs {num_values}")
        values = np.array([parse_number(cell, where) for cell in cells])
        if np.abs(values[1:]).max() > MAX_FRACTION:
            raise FormatError(f"{where}: {np.abs(values[1:]).max():g} is no fraction of the image; is it in pixels?")
        rows.append((where, values))
    return rows
