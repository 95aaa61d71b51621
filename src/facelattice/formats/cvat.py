"""CVAT's XML ("CVAT for images 1.1"): skeletons, or points, with boxes of the same group.

CVAT draws in the continuous coordinates of the image: they count from the corner of the top left pixel. `occluded`
marks hidden points, and `outside` missing ones.

Source:
    https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from typing import Any
from xml.etree import ElementTree

import numpy as np

from facelattice import geometry
from facelattice.exceptions import FormatError
from facelattice.formats.annotation import AnnotatedImage, AnnotationFile
from facelattice.formats.named_points import NamedFace, collect_faces
from facelattice.formats.parsing import check_image_name, parse_point
from facelattice.formats.xml import check_xml_name, parse_xml

LABEL, BOX_LABEL = "face", "face_box"  # CVAT's labels have one kind of shape each


def cvat_text(images: Sequence[AnnotatedImage], names: Sequence[str]) -> str:
    """Encode annotations, to 1/1000 pixel: a skeleton `LABEL` for each face, and a box `BOX_LABEL` if it has one.

    Args:
        images: The images.
        names: Names of the points, the sublabels of the skeleton.

    Raises:
        FormatError: If the name of an image has characters that XML cannot contain.
    """
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    groups = count(1)
    for k, image in enumerate(images):
        size = {"width": str(image.width), "height": str(image.height)}
        entry = ElementTree.SubElement(root, "image", {"id": str(k), "name": check_xml_name(image.name), **size})
        for face in image.faces:
            group = {"z_order": "0", "group_id": str(next(groups))}
            if face.box is not None:
                corners = (f"{v:.3f}" for v in geometry.to_corner_origin(face.box))
                box = dict(zip(("xtl", "ytl", "xbr", "ybr"), corners, strict=True))
                ElementTree.SubElement(entry, "box", {"label": BOX_LABEL, "occluded": "0", **box, **group})
            skeleton = ElementTree.SubElement(entry, "skeleton", {"label": LABEL, **group})
            # Missing points need a position too.
            known = np.where(face.mask[:, None], face.points, face.points[face.mask].mean(0))
            rows = zip(names, geometry.to_corner_origin(known).tolist(), face.mask, face.hidden, strict=True)
            for name, (x, y), is_known, is_hidden in rows:
                state = {"outside": str(int(not is_known)), "occluded": str(int(is_hidden and is_known))}
                ElementTree.SubElement(skeleton, "points", {"label": name, **state, "points": f"{x:.3f},{y:.3f}"})
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def read_cvat_file(path: str | os.PathLike[str], label: str | None = None) -> AnnotationFile:
    """Read the faces of a file.

    A face is a skeleton, whose sublabels are the names of the points; or a shape of several points without names; or
    single points of one group, or of one image without groups, whose labels are the names. Its box is the box of the
    same group. Other shapes are ignored.

    Args:
        path: The file.
        label: Label of the skeletons or of the shapes of several points; needed if there are several labels.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and shape.
        MissingDependencyError: If defusedxml is not installed.
    """
    root = parse_xml(path)
    if root.tag != "annotations" or (root.find("image") is None and root.find("track") is not None):
        raise FormatError(f'{path}: not CVAT\'s XML for images; export the task as "CVAT for images 1.1"')
    labeled: dict[str, list[NamedFace]] = {}
    single: list[NamedFace] = []
    other_names: dict[str, list[str]] = {}
    without_faces: list[str] = []
    for i, image in enumerate(root.iterfind("image")):
        file = check_image_name(image.get("name"), f"{path}, image {i}")
        where = f"{path}, image {i} ({file})"
        if image.get("subset"):
            other_names[file] = [f"{image.get('subset')}/{file}"]
        if all(shape.tag == "tag" for shape in image):  # a tag is for the whole image
            without_faces.append(file)
        boxes = _read_boxes(image, where)
        for shape in image:
            if shape.tag == "skeleton":
                face = _read_skeleton(shape, file, where)
            elif shape.tag == "points" and ";" in shape.get("points", ""):
                face = _read_points(shape, file, where)
            else:
                continue
            face.box = boxes.get(shape.get("group_id", ""))
            labeled.setdefault(_label(shape, where), []).append(face)
        single += _read_single_points(image, file, where, boxes)
    chosen = _choose_label(path, labeled, label)
    faces = labeled.get(chosen, []) if labeled else single
    sizes = {len(face.points) for face in faces}
    if labeled and len(sizes) > 1:
        raise FormatError(f"{path}: the shapes of {chosen!r} have {' and '.join(map(str, sorted(sizes)))} points")
    collected = collect_faces(faces)
    known = [face for face in collected.faces if face.mask.any()]
    return AnnotationFile(known, collected.names, chosen, None, other_names, without_faces)


def _choose_label(path: Any, labeled: dict[str, list[NamedFace]], label: str | None) -> str:
    known = ", ".join(labeled) or "none"
    if label is not None and label not in labeled:
        raise FormatError(f"{path}: no label {label!r} with points; labels with points: {known}")
    if label is None and len(labeled) > 1:
        raise FormatError(f"{path}: several labels have points; choose one as the subset: {known}")
    return label if label is not None else next(iter(labeled), "")


def _read_skeleton(shape: Any, file: str, where: str) -> NamedFace:
    face = NamedFace(file, f"{where}, skeleton")
    for element in shape.iterfind("points"):
        is_missing = element.get("outside") == "1"
        point = None if is_missing else _place(element.get("points", ""), where)
        face.add(_label(element, where), point, element.get("occluded") == "1")
    return face


def _read_points(shape: Any, file: str, where: str) -> NamedFace:
    """Read a shape of several points; they are named 0, 1, ..."""
    face = NamedFace(file, f"{where}, points")
    for k, cells in enumerate(shape.get("points").split(";")):
        face.add(str(k), _place(cells, where), shape.get("occluded") == "1")
    return face


def _read_single_points(image: Any, file: str, where: str, boxes: dict[str, np.ndarray]) -> list[NamedFace]:
    faces: dict[str, NamedFace] = {}
    for shape in image.iterfind("points"):
        if ";" not in shape.get("points", ""):
            group = shape.get("group_id", "")
            if group not in faces:
                faces[group] = NamedFace(file, f"{where}, group {group or 'none'}", boxes.get(group))
            place = _place(shape.get("points", ""), where)
            faces[group].add(_label(shape, where), place, shape.get("occluded") == "1")
    return list(faces.values())


def _read_boxes(image: Any, where: str) -> dict[str, np.ndarray]:
    """Read the boxes by their group; a box without a group belongs to no face."""
    boxes = {}
    for box in image.iterfind("box"):
        if box.get("group_id"):
            first, last = (parse_point([box.get(x, ""), box.get(y, "")], f"{where}, box") for x, y in (
                ("xtl", "ytl"), ("xbr", "ybr")
            ))  # fmt: skip
            boxes[box.get("group_id")] = geometry.from_corner_origin(np.array([*first, *last]))
    return boxes


def _label(shape: Any, where: str) -> str:
    label = shape.get("label")
    if not label:
        raise FormatError(f"{where}: a shape has no label")
    return label


def _place(cells: str, where: str) -> tuple[float, float]:
    x, y = geometry.from_corner_origin(np.array(parse_point(cells.split(","), where))).tolist()
    return x, y
