"""JSON files of labelme, one for each image: shapes of the type point, and rectangles, with the group of their face.

labelme draws in the continuous coordinates of the image: they count from the corner of the top left pixel. It has no
mark for hidden points; here they have the flag `HIDDEN`.

Source:
    https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.exceptions import FormatError
from facelattice.formats.annotation import AnnotatedImage, AnnotationFile
from facelattice.formats.named_points import NamedFace, collect_faces
from facelattice.formats.parsing import check_image_name, check_numbers, load_json

HIDDEN = "hidden"
HIDDEN_FLAGS = (HIDDEN, "occluded")  # those that are read
VERSION = "5.5.0"  # of labelme, whose keys are written


def labelme_text(image: AnnotatedImage, names: Sequence[str]) -> str:
    """Encode the faces of an image, to 1/1000 pixel, as groups 1, 2, ...

    Args:
        image: The image; its name must be relative to the file.
        names: Names of the points, which become labels.
    """
    shapes = []
    for group, face in enumerate(image.faces, 1):
        if face.box is not None:
            shapes.append(_shape("face", group, "rectangle", face.box.reshape(2, 2), False))
        for name, point, is_known, is_hidden in zip(names, face.points, face.mask, face.hidden, strict=True):
            if is_known:
                shapes.append(_shape(name, group, "point", point[None], bool(is_hidden)))
    content: dict[str, Any] = {
        "version": VERSION, "flags": {}, "shapes": shapes, "imagePath": image.name, "imageData": None,
        "imageHeight": image.height, "imageWidth": image.width,
    }  # fmt: skip
    return json.dumps(content, indent=1) + "\n"


def _shape(label: str, group: int, kind: str, points: np.ndarray, is_hidden: bool) -> dict[str, Any]:
    return {
        "label": label, "points": geometry.to_corner_origin(points).round(3).tolist(), "group_id": group,
        "shape_type": kind, "flags": {HIDDEN: True} if is_hidden else {},
    }  # fmt: skip


def is_labelme(content: Any) -> bool:
    """Return whether the content of a JSON file is that of labelme."""
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def read_labelme_files(folder: Path, paths: Sequence[Path]) -> AnnotationFile:
    """Read the faces of several files.

    The points of a face have the same group, or none if the image has one face. Its box is the only rectangle of the
    group. Other shapes are ignored.

    Args:
        folder: Folder that the names of images in the result are relative to.
        paths: The files. JSON files of other programs are skipped.

    Raises:
        FormatError: If a file is damaged; it names file and shape.
    """
    faces = []
    without_faces = []
    for path in paths:
        content = load_json(path)
        if is_labelme(content):
            written = PureWindowsPath(check_image_name(content["imagePath"], f"{path}, imagePath")).as_posix()
            image = Path(os.path.relpath(path.parent, folder), written).as_posix()
            faces += _read_faces(content["shapes"], image, path)
            if not content["shapes"]:
                without_faces.append(image)
    return collect_faces(faces, images_without_faces=without_faces)


def _read_faces(shapes: list[Any], image: str, path: Path) -> list[NamedFace]:
    faces: dict[Any, NamedFace] = {}
    boxes: dict[Any, list[np.ndarray]] = {}
    for i, shape in enumerate(shapes):
        where = f"{path}, shape {i}"
        if not isinstance(shape, dict):
            raise FormatError(f"{where}: must be an object")
        group, kind = shape.get("group_id"), shape.get("shape_type")
        if not isinstance(group, (int, str, type(None))):
            raise FormatError(f"{where}: group_id must be a number, not {str(group)[:40]!r}")
        if kind == "point":
            label = shape.get("label")
            if not isinstance(label, str) or not label:
                raise FormatError(f"{where}: label must be a name, not {str(label)[:40]!r}")
            flags = shape.get("flags")
            is_hidden = isinstance(flags, dict) and any(flags.get(flag) is True for flag in HIDDEN_FLAGS)
            (x, y), *_ = _read_places(shape, 1, where)
            hint = "" if group is None else f", group {group}"
            faces.setdefault(group, NamedFace(image, f"{path}{hint}")).add(label, (x, y), is_hidden)
        elif kind == "rectangle":
            corners = np.array(_read_places(shape, 2, where))
            boxes.setdefault(group, []).append(np.concatenate([corners.min(0), corners.max(0)]))
    for group, face in faces.items():
        if len(boxes.get(group, [])) == 1:
            (face.box,) = boxes[group]
    return list(faces.values())


def _read_places(shape: dict[str, Any], count: int, where: str) -> list[list[float]]:
    points = shape.get("points")
    if not isinstance(points, list) or len(points) != count:
        raise FormatError(f"{where}: expected {count} points of a {shape['shape_type']}")
    return geometry.from_corner_origin(np.array([check_numbers(point, 2, where) for point in points])).tolist()
