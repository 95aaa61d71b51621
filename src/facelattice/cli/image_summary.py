"""The summary of `facelattice align` for images: a table, or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Column, Table
from rich.text import Text

from facelattice.cli.console import out, pluralize
from facelattice.face import Face
from facelattice.geometry import box_side

MAX_ROWS = 60  # a longer table would push the rest off the screen


@dataclass
class ImageSummary:
    """Counts images and faces, and keeps the first `MAX_ROWS` of them for the table.

    Attributes:
        num_images: Number of images that were processed.
        num_faces: Number of their faces.
        num_failed: Number of images that could not be processed.
        rows: The first faces, each with the name of its image.
        without_faces: The first images without a face.
    """

    num_images: int = 0
    num_faces: int = 0
    num_failed: int = 0
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    without_faces: list[str] = field(default_factory=list)

    def add(self, image: str, faces: Sequence[Face]) -> None:
        """Add an image."""
        self.num_images, self.num_faces = self.num_images + 1, self.num_faces + len(faces)
        self.rows += [(image, face.to_dict()) for face in faces[: MAX_ROWS - len(self.rows)]]
        if not faces and len(self.without_faces) < MAX_ROWS:
            self.without_faces.append(image)

    def print(self) -> None:
        """Print the table and the counts."""
        table = Table(Column("image", overflow="fold"), "score", "face at x, y", "size", "expected error")
        for image, face in self.rows:
            x0, y0, x1, y1 = face["box"]
            side = max(box_side(np.array(face["box"])), 1e-6)
            error = float(np.mean(face["expected_errors"]))
            table.add_row(
                Text(image), f"{face['score']:.2f}", f"{x0:.0f}, {y0:.0f}", f"{x1 - x0:.0f} x {y1 - y0:.0f} px",
                f"{error:.1f} px, {100 * error / side:.1f} %",
            )  # fmt: skip
        if self.rows:
            out.print(table)
        if self.num_faces > len(self.rows):
            out.print(f"and {self.num_faces - len(self.rows)} more")
        for image in self.without_faces:
            out.print(Text(f"no face found: {image}"), soft_wrap=True)
        counts = f"{pluralize(self.num_faces, 'face')} in {pluralize(self.num_images + self.num_failed, 'image')}"
        out.print(counts + (f", {self.num_failed} could not be read" if self.num_failed else ""))


def print_written(paths: Sequence[Path], folder: Path) -> None:
    """Print the name of the only file that was written, or the number of files."""
    if paths:
        text = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files in {folder}"
        out.print(Text(f"written: {text}"), soft_wrap=True)


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
