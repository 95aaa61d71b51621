"""The XML of dlib's imglab: boxes with named parts, whole pixels.

https://github.com/davisking/dlib/tree/master/tools/imglab. dlib's own loader takes whole numbers only, so what is
written is rounded to them; what is read may have decimals. Parts that are missing are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from facelattice.face import Face
from facelattice.formats.annotation import Annotation
from facelattice.formats.files import atomic_write, numbers

UNHELD = "the name has signs that XML cannot hold; rename the image, or use JSON"


def write_dlib_xml(path: str | os.PathLike, images: Iterable[tuple[str, Sequence[Face]]]) -> None:
    """Images, as (name, its faces), for `dlib.train_shape_predictor` and imglab; parts are called 00, 01, ...

    Raises ValueError for an image whose name has signs that XML cannot hold.
    """
    with atomic_write(path, "wb") as file:  # opened first: a file that cannot be is refused before the work
        ElementTree.ElementTree(_tree(images)).write(file, encoding="utf-8", xml_declaration=True)


def _tree(images: Iterable[tuple[str, Sequence[Face]]]) -> ElementTree.Element:
    root = ElementTree.Element("dataset")
    parent = ElementTree.SubElement(root, "images")
    for image, faces in images:
        if not is_valid_xml_text(image):
            raise ValueError(f"{image!a}: {UNHELD}")
        entry = ElementTree.SubElement(parent, "image", file=image)
        for face in faces:
            # dlib's width counts the pixels from left to right, both included.
            left, top, right, bottom = (str(round(float(v))) for v in face.box)
            width, height = str(int(right) - int(left) + 1), str(int(bottom) - int(top) + 1)
            box = ElementTree.SubElement(entry, "box", top=top, left=left, width=width, height=height)
            digits = max(2, len(str(len(face.points) - 1)))  # all of one length: dlib sorts parts as text
            for i, (x, y) in enumerate(face.points.tolist()):
                if np.isfinite((x, y)).all():
                    ElementTree.SubElement(box, "part", name=f"{i:0{digits}}", x=str(round(x)), y=str(round(y)))
    ElementTree.indent(root)
    return root


def is_valid_xml_text(image: str) -> bool:
    """Whether an image's name can stand in XML, which has no control characters and nothing that is not Unicode."""
    return re.search(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", image) is None


def read_dlib_xml(path: str | os.PathLike) -> list[Annotation]:
    """The boxes that have parts and are not marked to be ignored, in their order; every one has all parts of the file.

    Parts are in the order of their names: by number where all are numbers, else as text. Entities are not expanded
    (defusedxml). Raises ValueError, naming file and box, and ImportError where defusedxml is not installed.
    """
    try:
        from defusedxml import ElementTree as Safe
    except ImportError as error:
        raise ImportError(f"{path}: reading XML needs defusedxml: pip install 'facelattice[evaluate]'") from error
    try:
        root = Safe.parse(path).getroot()
    except (ElementTree.ParseError, ValueError) as error:  # defusedxml's own errors are ValueErrors
        raise ValueError(f"{path}: not XML that can be used: {error!r}") from error
    if root.tag != "dataset" or root.find("images") is None:
        raise ValueError(f"{path}: not the XML of imglab; expected <dataset> with <images> in it, not <{root.tag}>")
    boxes: list[tuple[str, np.ndarray, dict[str, tuple[float, float]]]] = []
    for i, image in enumerate(root.iterfind("images/image")):
        file = image.get("file")
        if not file:
            raise ValueError(f"{path}, image {i}: its file is not named")
        for k, box in enumerate(image.iterfind("box")):
            where = f"{path}, image {i} ({file}), box {k}"
            parts = box.findall("part")
            if parts and box.get("ignore", "0") != "1":
                boxes.append((file, _box(box, where), {_name(p, where): _pair(p, "x", "y", where) for p in parts}))
    names = sorted({name for _, _, parts in boxes for name in parts})
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    annotations = []
    for file, corners, parts in boxes:
        points = np.array([parts.get(name, (np.nan, np.nan)) for name in names], np.float32)
        mask = np.isfinite(points[:, 0])
        annotations.append(Annotation(file, points, mask, np.zeros(len(names), bool), corners))
    return annotations


def _name(part: Any, where: str) -> str:
    if not part.get("name"):
        raise ValueError(f"{where}: a part has no name")
    return part.get("name")


def _pair(element: Any, first: str, second: str, where: str) -> tuple[float, float]:
    return numbers(f"{where}, {first} and {second}", [element.get(first, ""), element.get(second, "")])


def _box(box: Any, where: str) -> np.ndarray:
    left, top = _pair(box, "left", "top", where)
    width, height = _pair(box, "width", "height", where)
    return np.array([left, top, left + width - 1, top + height - 1])
