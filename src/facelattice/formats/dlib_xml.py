"""XML files of dlib's imglab: boxes with named parts.

dlib's own reader takes whole numbers only, so coordinates are rounded to pixels when written; decimals can be read.
Missing parts are left out.

Source:
    https://github.com/davisking/dlib/tree/master/tools/imglab
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np

from facelattice.atomic_files import atomic_write
from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.formats.named_points import NamedFace, collect_faces
from facelattice.formats.parsing import parse_point
from facelattice.formats.xml import check_xml_name, parse_xml


class DlibTable:
    """Encodes faces of images as imglab's XML, to whole pixels; parts are named 00, 01, ..."""

    def __init__(self) -> None:
        self._start = "<?xml version='1.0' encoding='utf-8'?>\n<dataset>\n  <images>\n"

    def add(self, image: str, faces: Sequence[Face]) -> str:
        """Return the element of an image, after the start of the file if it is the first.

        Raises:
            FormatError: If the name of the image has characters that XML cannot contain.
        """
        entry = ElementTree.Element("image", file=check_xml_name(image))
        for face in faces:
            # dlib's width is the number of pixels from the left to the right one.
            left, top, right, bottom = (round(float(v)) for v in face.box)
            size = {"width": str(right - left + 1), "height": str(bottom - top + 1)}
            box = ElementTree.SubElement(entry, "box", {"top": str(top), "left": str(left), **size})
            digits = max(2, len(str(len(face.points) - 1)))  # of equal length, as dlib sorts names as text
            for i, (x, y) in enumerate(face.points.tolist()):
                if np.isfinite((x, y)).all():
                    ElementTree.SubElement(box, "part", name=f"{i:0{digits}}", x=str(round(x)), y=str(round(y)))
        ElementTree.indent(entry, level=2)
        start, self._start = self._start, ""
        return f"{start}    {ElementTree.tostring(entry, encoding='unicode')}\n"

    def end(self) -> str:
        """Return the end of the file."""
        return f"{self._start}  </images>\n</dataset>\n"


def write_dlib_xml(path: str | os.PathLike[str], images: Iterable[tuple[str, Sequence[Face]]]) -> None:
    """Write faces for `dlib.train_shape_predictor` and imglab, to whole pixels.

    Args:
        path: The file.
        images: (name of the image, its faces) for each image.

    Raises:
        FormatError: If the name of an image has characters that XML cannot contain.
    """
    table = DlibTable()
    with atomic_write(path) as file:
        for image, faces in images:
            file.write(table.add(image, faces))
        file.write(table.end())


def read_dlib_xml(path: str | os.PathLike[str]) -> list[Annotation]:
    """Read the boxes that have parts and are not marked as ignored, in their order.

    Each face has all parts of the file, by number if all names are numbers, else by name. Entities are not expanded.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and box.
        MissingDependencyError: If defusedxml is not installed.
    """
    return read_dlib_file(path).faces


def read_dlib_file(path: str | os.PathLike[str]) -> AnnotationFile:
    """Read what `read_dlib_xml` returns, with the names of the parts."""
    root = parse_xml(path)
    if root.tag != "dataset" or root.find("images") is None:
        raise FormatError(f"{path}: not imglab's XML; expected <dataset> with <images> in it, not <{root.tag}>")
    faces = []
    without_faces = []
    for i, image in enumerate(root.iterfind("images/image")):
        file = image.get("file")
        if not file:
            raise FormatError(f"{path}, image {i}: the file attribute is missing")
        if image.find("box") is None:
            without_faces.append(file)
        for k, box in enumerate(image.iterfind("box")):
            where = f"{path}, image {i} ({file}), box {k}"
            parts = box.findall("part")
            if parts and box.get("ignore", "0") != "1":
                face = NamedFace(file, where, _box(box, where))
                for part in parts:
                    face.add(_name(part, where), _pair(part, "x", "y", where))
                faces.append(face)
    names = sorted({name for face in faces for name in face.points})
    if all(name.isdecimal() for name in names):
        names.sort(key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    return collect_faces(faces, names, without_faces)


def _name(part: Any, where: str) -> str:
    if not part.get("name"):
        raise FormatError(f"{where}: a part has no name")
    return part.get("name")


def _pair(element: Any, first: str, second: str, where: str) -> tuple[float, float]:
    return parse_point([element.get(first, ""), element.get(second, "")], f"{where}, {first} and {second}")


def _box(box: Any, where: str) -> np.ndarray:
    left, top = _pair(box, "left", "top", where)
    width, height = _pair(box, "width", "height", where)
    return np.array([left, top, left + width - 1, top + height - 1])
