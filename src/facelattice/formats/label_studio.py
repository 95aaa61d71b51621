"""Label Studio's JSON: keypoints that are children of a rectangle, in per cent of the image.

Coordinates scale with the image, so they count from the corner of the top left pixel. Label Studio has no mark for
hidden points; here they have the note (meta text) `HIDDEN`.

Source:
    https://labelstud.io/guide/export and https://labelstud.io/tags/keypointlabels
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from facelattice import geometry
from facelattice.exceptions import FormatError
from facelattice.file_search import HEIF_SUFFIXES, IMAGE_SUFFIXES
from facelattice.formats.annotation import AnnotatedImage, AnnotationFile
from facelattice.formats.named_points import NamedFace, collect_faces
from facelattice.formats.parsing import check_image_name, check_numbers, load_json

HIDDEN = "hidden"
LOCAL_FILES = "/data/local-files/"  # files below the folder that the server was started for
UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")  # of uploaded files
IMAGE, POINTS, BOX = "image", "points", "box"  # names in the labeling configuration

Result = dict[str, Any]


def label_studio_text(images: Sequence[AnnotatedImage], names: Sequence[str]) -> str:
    """Encode annotations as tasks. A face without a box gets the tight box of its points.

    The images are local files, relative to the folder of the JSON file: start Label Studio with
    LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to this folder.

    Args:
        images: The images.
        names: Names of the points, which become labels.
    """
    tasks = []
    for image in images:
        results = [result for k, face in enumerate(image.faces) for result in _encode_face(image, face, k, names)]
        path = f"{LOCAL_FILES}?d={quote(os.fsencode(image.name))}"
        tasks.append({"data": {IMAGE: path}, "annotations": [{"result": results}]})
    return json.dumps(tasks, indent=1) + "\n"


def _encode_face(image: AnnotatedImage, face: Any, number: int, names: Sequence[str]) -> list[Result]:
    scale = np.array([100 / image.width, 100 / image.height])
    common = {
        "to_name": IMAGE, "original_width": image.width, "original_height": image.height, "image_rotation": 0,
    }  # fmt: skip
    corners = geometry.to_corner_origin(face.box_or_points_box()).reshape(2, 2) * scale
    (x, y), (width, height) = corners[0].round(6).tolist(), (corners[1] - corners[0]).round(6).tolist()
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["face"]}
    results: list[Result] = [
        {"id": f"face{number}", "from_name": BOX, "type": "rectanglelabels", **common, "value": value}
    ]
    places = (geometry.to_corner_origin(face.points) * scale).round(6).tolist()
    for i, (name, (x, y)) in enumerate(zip(names, places, strict=True)):
        if face.mask[i]:
            value = {"x": x, "y": y, "width": 0.4, "keypointlabels": [name]}
            note = {"meta": {"text": [HIDDEN]}} if face.hidden[i] else {}
            kind = {"from_name": POINTS, "type": "keypointlabels", "parentID": f"face{number}"}
            results.append({"id": f"face{number}_{i}", **kind, **common, "value": value, **note})
    return results


def is_label_studio(content: Any) -> bool:
    """Return whether the content of a JSON file is a list of tasks."""
    return isinstance(content, list) and all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in content
    )


def read_label_studio_file(path: str | os.PathLike[str]) -> AnnotationFile:
    """Read the faces of an export as JSON (not JSON-MIN): of each task the last annotation that was not skipped.

    Keypoints belong to the rectangle that is their parent. Those without a parent belong to the only rectangle of the
    image, or to the only one that contains them; if the image has no rectangle, they are one face.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and task.
    """
    content = load_json(path)
    if not is_label_studio(content):
        raise FormatError(f"{path}: not Label Studio's JSON; expected a list of tasks with data; export as JSON")
    faces: list[NamedFace] = []
    without_faces: list[str] = []
    other_names: dict[str, list[str]] = {}
    for i, task in enumerate(content):
        where = f"{path}, task {i}"
        annotations = task.get("annotations") or []
        if not isinstance(annotations, list) or not all(isinstance(entry, dict) for entry in annotations):
            raise FormatError(f"{where}: annotations must be a list of objects")
        done = [entry for entry in annotations if not entry.get("was_cancelled")]
        results = (done[-1].get("result") or []) if done else []
        if not isinstance(results, list) or not all(isinstance(entry, dict) for entry in results):
            raise FormatError(f"{where}: result must be a list of objects")
        image, others = _image_names(task["data"], where)
        faces += _read_faces(results, image, where)
        other_names[image] = others
        if done and not any("original_width" in result for result in results):  # other results are for the whole image
            without_faces.append(image)
    file = collect_faces(faces)
    return AnnotationFile(file.faces, file.names, other_names=other_names, images_without_faces=without_faces)


def _image_names(data: dict[str, Any], where: str) -> tuple[str, list[str]]:
    """Return the path of the image of a task, and others that it may have outside of Label Studio."""
    for value in data.values():
        if isinstance(value, str):
            url = urlsplit(value.replace("\\", "/"))
            queried = parse_qs(url.query, errors="surrogateescape").get("d")
            is_url = bool(url.scheme) and len(url.scheme) > 1  # not the letter of a drive
            name = queried[0] if queried else unquote(url.path, errors="surrogateescape") if is_url else value
            path = PurePosixPath(name.replace("\\", "/"))
            if path.suffix.lower() in IMAGE_SUFFIXES | HEIF_SUFFIXES:
                is_remote = is_url or value.startswith("/data/upload/")
                first = path.name if is_remote else name
                return check_image_name(first, where), [path.name, UPLOAD_PREFIX.sub("", path.name)]
    raise FormatError(f"{where}: there is no path of an image in its data")


def _read_faces(results: list[Result], image: str, where: str) -> list[NamedFace]:
    boxes: dict[str, np.ndarray] = {}
    faces: dict[str, NamedFace] = {}
    points = []
    for k, result in enumerate(results):
        place = f"{where}, result {k}"
        if result.get("type") in ("rectanglelabels", "rectangle"):
            size = _image_size(result, place)
            first = _numbers(result, ("x", "y"), place)
            last = first + _numbers(result, ("width", "height"), place)
            box = geometry.from_corner_origin(np.concatenate([first * size, last * size]))
            boxes[str(result.get("id"))] = box
        elif result.get("type") == "keypointlabels":
            points.append((result, place))
    for result, place in points:
        labels = result["value"].get("keypointlabels") if isinstance(result.get("value"), dict) else None
        if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
            raise FormatError(f"{place}: a keypoint needs one label")
        point = geometry.from_corner_origin(_numbers(result, ("x", "y"), place) * _image_size(result, place))
        owner = _find_owner(result, point, boxes, place)
        meta = result.get("meta")
        texts = meta.get("text") if isinstance(meta, dict) else None
        if owner not in faces:
            faces[owner] = NamedFace(image, f"{where} ({image})", boxes.get(owner))
        x, y = point.tolist()
        faces[owner].add(labels[0], (x, y), isinstance(texts, list) and HIDDEN in texts)
    return list(faces.values())


def _find_owner(result: Result, point: np.ndarray, boxes: dict[str, np.ndarray], where: str) -> str:
    """Return the id of the rectangle that a keypoint belongs to; "" if the image has none."""
    parent = result.get("parentID")
    if parent is not None and str(parent) in boxes:
        return str(parent)
    if len(boxes) < 2:
        return next(iter(boxes), "")
    around = [id for id, box in boxes.items() if (point >= box[:2]).all() and (point <= box[2:]).all()]
    if len(around) != 1:
        raise FormatError(f"{where}: the keypoint is in {len(around)} rectangles; make it a child of its rectangle")
    return around[0]


def _image_size(result: Result, where: str) -> np.ndarray:
    """Return the size of the image in pixels per per cent, (2,)."""
    if result.get("image_rotation"):
        raise FormatError(f"{where}: the image is rotated in Label Studio; rotate the file instead")
    size = np.array(check_numbers([result.get("original_width"), result.get("original_height")], 2, where))
    if (size <= 0).any():
        raise FormatError(f"{where}: original_width and original_height must be positive")
    return size / 100


def _numbers(result: Result, keys: Sequence[str], where: str) -> np.ndarray:
    value = result.get("value")
    values = [value.get(key) for key in keys] if isinstance(value, dict) else []
    return np.array(check_numbers(values, len(keys), f"{where}, {' and '.join(keys)}"))
