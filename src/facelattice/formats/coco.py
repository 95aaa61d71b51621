"""Writer of COCO JSON: the keypoints of one category, as pycocotools and most training programs read them.

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

from facelattice.atomic_files import atomic_write
from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.keypoints import visibility_flags
from facelattice.schemes import Scheme


class CocoTable:
    """Encodes faces of images as COCO JSON, to 1/1000 pixel."""

    def __init__(self) -> None:
        self._scheme: Scheme | None = None
        self._images: list[tuple[str, list[str]]] = []  # JSON of each image and of its annotations
        self._num_annotations = 0

    def add(self, image: str, faces: Sequence[Face], size: tuple[int, int] | None = None) -> str:
        """Add an image; the text follows at the end, as COCO lists all images before the annotations.

        Args:
            image: Name of the image.
            faces: Its faces.
            size: Width and height of the image; None takes them from the images of the faces.

        Raises:
            FormatError: If the faces have another scheme than those before; the file has one category.
        """
        scheme = self._scheme
        entry: dict[str, Any] = {"id": len(self._images) + 1, "file_name": image}
        annotations: list[str] = []
        if size is not None:
            entry |= {"height": size[1], "width": size[0]}
        for face in faces:
            if scheme is not None and face.scheme.names != scheme.names:
                raise FormatError(
                    f"{image}: the scheme is {face.scheme.name}, but {scheme.name} for the faces before; "
                    "a COCO file holds one scheme"
                )
            scheme = face.scheme
            if size is None and face.image is not None:
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
    visible = np.ones(len(finite), bool) if face.visible is None else face.visible
    x0, y0, x1, y1 = (round(float(v), 3) for v in face.box)
    return {
        "id": number, "image_id": image_number, "category_id": 1, "iscrowd": 0,
        "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
        "area": round((x1 - x0) * (y1 - y0), 3),
        "keypoints": [
            value
            for (x, y), v in zip(face.points.tolist(), visibility_flags(finite, ~visible).tolist(), strict=True)
            for value in ([round(x, 3), round(y, 3), v] if v else [0, 0, 0])
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
