from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.cli import app

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process and in an empty folder; returns (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            app([str(argument) for argument in arguments])
        return end.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def write_dogs() -> Callable[[], Path]:
    """Write dogs.csv into the current folder: 60 faces with three points, two eyes and a nose."""

    def write() -> Path:
        moves = np.random.default_rng(0).normal(size=(60, 3, 2)).round(1)
        faces = np.array([[20, 20], [40, 20], [30, 40]]) + moves
        rows = [",".join([f"{i}.jpg", *map(str, face.ravel())]) for i, face in enumerate(faces)]
        Path("dogs.csv").write_text("\n".join(["image,x0,y0,x1,y1,x2,y2", *rows]), encoding="utf-8")
        Path("0.jpg").touch()  # the reader checks that images exist
        return Path("dogs.csv")

    return write


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of four images: a face, the same face mirrored, a gray image, and a file that is not an image."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    image = cv2.imread(str(PHOTO))
    cv2.imwrite(str(photos / "ann.jpg"), image)
    cv2.imwrite(str(photos / "more" / "ann.png"), image[:, ::-1])
    cv2.imwrite(str(photos / "wall.png"), np.full((200, 300), 90, np.uint8))
    (photos / "bad.jpg").write_bytes(b"no image at all")
    return photos
