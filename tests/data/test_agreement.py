"""Self-labels: what a model sees stays put over its views, what it guesses does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.aligner import FaceAligner
from facelattice.data.agreement import LIMIT, agree, label
from facelattice.pictures import read_picture

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner()


def test_a_clear_face_agrees_with_itself(aligner):
    picture = read_picture(PHOTO)
    (face,) = aligner(picture)
    points, spread = agree(aligner.model, picture, face.points)
    assert points.dtype == np.float32
    assert (spread < LIMIT).mean() > 0.9
    assert np.linalg.norm(points - face.points, axis=1).max() / geometry.box_side(face.box) < 0.05


def test_covered_points_agree_less_than_those_in_sight(aligner):
    picture = read_picture(PHOTO).copy()
    (face,) = aligner(picture)
    mouth = np.arange(48, 68)
    x0, y0, x1, y1 = geometry.points_box(face.points[mouth]).round().astype(int)
    picture[y0 - 15 : y1 + 30, x0 - 15 : x1 + 15] = 128
    _, spread = agree(aligner.model, picture, face.points)
    eyes = np.arange(36, 48)
    assert spread[mouth].mean() > 2 * spread[eyes].mean()


def test_noise_has_nothing_to_agree_on(aligner):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    (face,) = aligner(noise, boxes=[(80, 80, 220, 220)])
    _, spread = agree(aligner.model, noise, face.points)
    assert (spread < LIMIT).mean() < 0.3


def test_the_same_face_is_labelled_alike_again(aligner):
    picture = read_picture(PHOTO)
    (face,) = aligner(picture)
    a, b = agree(aligner.model, picture, face.points), agree(aligner.model, picture, face.points)
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])


def test_a_broken_picture_is_reported_and_the_rest_is_labelled(aligner, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    said = []
    (found,) = label(aligner, [broken, PHOTO], lambda path, error: said.append(path))
    path, points, mask = found
    assert (path, said) == (PHOTO, [broken])
    assert points.shape == (68, 2)
    assert mask.mean() > 0.9
