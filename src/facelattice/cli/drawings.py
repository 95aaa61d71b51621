"""Drawings, crops and masks of the faces of an image, and their files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from facelattice.atomic_files import write_file
from facelattice.face import Face
from facelattice.image_io import save_image
from facelattice.visualization.face_svg import faces_to_svg
from facelattice.visualization.faces import draw_faces, draw_overlay

DRAWING_KINDS = ("jpg", "overlay", "svg")
RESULT_NAMES = r"(_faces\.(jpg|png|svg)|_\d+_(crop|mask)\.png)"
"""Regular expression for the endings of the names of these files."""

Picture = np.ndarray | str
"""An image, or the text of an SVG file."""
Pictures = Iterator[tuple[str, Picture]]
"""Endings of file names, and the contents of the files."""


@dataclass(frozen=True)
class DrawingOptions:
    """Options of drawings.

    Attributes:
        style: One of `facelattice.visualization.face_marks.STYLES`.
        color: One of `facelattice.visualization.face_marks.COLORINGS`.
        kind: One of `DRAWING_KINDS`: over the image, on a transparent PNG, or as SVG. Only for images.
    """

    style: str = "lines"
    color: str = "error"
    kind: str = "jpg"

    def draw(self, image: np.ndarray, faces: list[Face]) -> np.ndarray:
        """Draw faces over an image."""
        return draw_faces(image, faces, self.style, self.color)

    def pictures(self, faces: list[Face]) -> Pictures:
        """Yield the drawing of an image in the chosen kind."""
        image = faces[0].image
        assert image is not None
        if self.kind == "overlay":
            yield "_faces.png", draw_overlay(image.shape, faces, self.style, self.color)
        elif self.kind == "svg":
            yield "_faces.svg", faces_to_svg(image.shape, faces, self.style, self.color)
        else:
            yield "_faces.jpg", self.draw(image, faces)


def _crops(faces: list[Face], template: str) -> Pictures:
    for k, face in enumerate(faces):
        yield f"_{k}_crop.png", face.crop(template=template)


def _masks(faces: list[Face]) -> Pictures:
    for k, face in enumerate(faces):
        yield f"_{k}_mask.png", face.mask()


class PictureWriter:
    """Writes pictures of the faces of images: STEM_faces.jpg, STEM_0_crop.png, STEM_0_mask.png.

    Files of earlier runs are replaced; files that another process has written in the meantime are not.

    Args:
        folder: The folder.
        drawing: How faces are drawn; None to write no drawings.
        crops: Template of the crops; None to write none.
        masks: Write masks.

    Attributes:
        paths: The files written so far.
        is_used: Whether anything is written.
    """

    def __init__(self, folder: Path, drawing: DrawingOptions | None, crops: str | None, masks: bool):
        self.paths: list[Path] = []
        self._folder = folder
        self._makers: list[Callable[[list[Face]], Pictures]] = []
        if drawing is not None:
            self._makers.append(drawing.pictures)
        if crops is not None:
            self._makers.append(partial(_crops, template=crops))
        if masks:
            self._makers.append(_masks)
        self.is_used = bool(self._makers)
        self._earlier = set(os.listdir(folder)) if self.is_used else set()

    def write(self, stem: str, faces: list[Face]) -> None:
        """Write the pictures of the faces of one image, unless there are none."""
        if not faces or faces[0].image is None:
            return
        for make in self._makers:
            for ending, picture in make(faces):
                self._save(stem, ending, picture)

    def _save(self, stem: str, ending: str, picture: Picture) -> None:
        for k in count(1):
            path = self._folder / f"{stem}{f'-{k}' if k > 1 else ''}{ending}"
            overwrite = path.name in self._earlier
            try:
                if isinstance(picture, np.ndarray):
                    save_image(path, picture, overwrite)
                else:
                    write_file(path, picture, overwrite)
                break
            except FileExistsError:
                pass
        self._earlier.discard(path.name)
        self.paths.append(path)
