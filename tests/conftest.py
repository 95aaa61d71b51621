from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from facelattice import geometry, onnx_session
from facelattice.formats import read_pts, write_pts
from facelattice.image_io import load_image

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"
POINTS = Path(__file__).parent / "astronaut.pts"  # looked over by eye; a new model changes no test
FACES = 12


@pytest.fixture(autouse=True)
def threads_as_before(monkeypatch) -> None:
    """What a test makes this process keep to is forgotten after it."""
    monkeypatch.setattr(onnx_session, "_most", onnx_session._most)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces beside the repository; a test that asks for it is skipped where there is none."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the face data in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> Path:
    """A folder of 12 small images, one face turned, moved and sized at random, with its points as .pts files."""
    folder = tmp_path_factory.mktemp("faces")
    image = load_image(PHOTO)
    points = read_pts(POINTS)
    box = geometry.points_box(points)
    rng = np.random.default_rng(0)
    for i in range(FACES):
        square = geometry.square_box(geometry.box_center(box) + rng.uniform(-5, 5, 2), 110 * rng.uniform(0.9, 1.1))
        matrix = geometry.crop_transform(square, 96, 1.6, rotation=rng.uniform(-20, 20))
        crop = geometry.warp(image, matrix, 96)
        cv2.imwrite(str(folder / f"face{i:02}.png"), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
        write_pts(folder / f"face{i:02}.pts", geometry.apply(matrix, points))
    return folder


@pytest.fixture
def write_recipe(tmp_path, faces) -> Callable[..., Path]:
    """Writes a recipe (8 faces to train on, 4 held out) that trains in a second; keyword arguments change it."""

    def write(**changes: Any) -> Path:
        recipe = {
            "name": "tiny", "scheme": "ibug68", "data": [{"path": str(faces), "name": "tiny faces"}],
            "epochs": 2, "batch": 4, "held_out": 0.4, "size": 64, "precision": "fp32", "workers": 0,
            "network": {"backbone": "test_efficientnet", "pretrained": False}, "optimizer": {"warmup": 0.5},
        }  # fmt: skip
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(recipe | changes))
        return path

    return write
