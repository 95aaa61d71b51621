"""Output of `facelattice align` about images: a table, tab-separated lines, or JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Column, Table

from facelattice.cli.console import is_piped, out, print_message
from facelattice.face import Face
from facelattice.geometry import box_side
from facelattice.messages import escape, pluralize
from facelattice.terminal import one_line

MAX_NAMES = 3
MAX_ROWS = 60  # a longer table would not fit on the screen with the rest


@dataclass
class ImageSummary:
    """Counts images and faces, and keeps the first `MAX_ROWS` of them for the table.

    Attributes:
        num_images: Number of images that were processed.
        num_faces: Number of their faces.
        num_failed: Number of images that could not be processed.
        rows: The first faces without their image, each with the name of it.
        without_faces: The first images without a face.
    """

    num_images: int = 0
    num_faces: int = 0
    num_failed: int = 0
    rows: list[tuple[str, Face]] = field(default_factory=list)
    without_faces: list[str] = field(default_factory=list)

    def add(self, image: str, faces: Sequence[Face]) -> None:
        """Add an image."""
        self.num_images, self.num_faces = self.num_images + 1, self.num_faces + len(faces)
        self.rows += [(image, replace(face, image=None)) for face in faces[: MAX_ROWS - len(self.rows)]]
        if not faces and len(self.without_faces) < MAX_ROWS:
            self.without_faces.append(image)

    def print(self, min_score: float) -> None:
        """Print the table (only on a terminal), the images without a face of this score, and the counts."""
        folder = _common_folder([*(image for image, _ in self.rows), *self.without_faces])
        if self.rows and not is_piped():
            self._print_table(folder)
        for image in self.without_faces:
            name = image if is_piped() else _below(image, folder)
            print_message(f"no face of score {min_score:g} or more: {name}")
        counts = f"{pluralize(self.num_faces, 'face')} in {pluralize(self.num_images + self.num_failed, 'image')}"
        print_message(counts + (f", {self.num_failed} could not be read" if self.num_failed else ""))

    def _print_table(self, folder: str) -> None:
        if folder:
            print_message(f"in {folder}:")
        table = Table(Column("image", overflow="fold"), "score", "face at x, y", "size", "expected error")
        for image, face in self.rows:
            x0, y0, x1, y1 = face.box
            error = float(np.mean(face.expected_errors))
            table.add_row(
                one_line(_below(image, folder)), f"{face.score:.2f}", f"{x0:.0f}, {y0:.0f}",
                f"{x1 - x0:.0f} x {y1 - y0:.0f} px",
                f"{error:.1f} px, {100 * error / max(box_side(face.box), 1e-6):.1f} %",
            )  # fmt: skip
        out.print(table)
        if self.num_faces > len(self.rows):
            out.print(f"and {self.num_faces - len(self.rows)} more")


def _common_folder(images: Sequence[str]) -> str:
    """Return the folder that contains all images, "" if there is none or a single image."""
    if len(set(images)) < 2:
        return ""
    try:
        return os.path.commonpath([os.path.dirname(image) for image in images])
    except ValueError:  # absolute and relative paths, or several drives
        return ""


def _below(image: str, folder: str) -> str:
    return os.path.relpath(image, folder) if folder else image


def print_rows(image: str, faces: Sequence[Face]) -> None:
    """Print a line for each face: image, face, score, x0, y0, x1, y1, expected error (px), separated by tabs."""
    name = escape(image)
    for k, face in enumerate(faces):
        numbers = [*face.box, np.mean(face.expected_errors)]
        print(name, k, f"{face.score:.4f}", *(f"{value:.2f}" for value in numbers), sep="\t")


def print_written(paths: Sequence[Path], folder: Path) -> None:
    """Print the names of up to `MAX_NAMES` files that were written, or the number of files."""
    if paths:
        written = ", ".join(map(str, paths)) if len(paths) <= MAX_NAMES else f"{len(paths)} files in {folder}"
        print_message(f"written: {written}")


class JsonList:
    """Prints a JSON list on stdout, entry by entry. The list is complete also if the block raises."""

    def __init__(self) -> None:
        self._separator = "["

    def __enter__(self) -> JsonList:
        return self

    def add(self, entry: dict[str, Any]) -> None:
        """Print an entry."""
        print(self._separator, json.dumps(entry), sep="", end="")
        self._separator = ",\n"

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None or not issubclass(kind, BrokenPipeError):
            print("[]" if self._separator == "[" else "]")
