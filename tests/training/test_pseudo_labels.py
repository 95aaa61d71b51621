"""Self-labels: what a model sees stays put over its views, what it guesses does not."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.sample import make_sample
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import convert, get_scheme
from facelattice.training.pseudo_labels import LIMIT, agree, label, relabel

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner()


def test_a_clear_face_agrees_with_itself(aligner):
    image = load_image(PHOTO)
    (face,) = aligner(image)
    points, spread = agree(aligner.model, image, face.points)
    assert points.dtype == np.float32
    assert (spread < LIMIT).mean() > 0.9
    assert np.linalg.norm(points - face.points, axis=1).max() / geometry.box_side(face.box) < 0.05


def test_covered_points_agree_less_than_those_in_sight(aligner):
    image = load_image(PHOTO).copy()
    (face,) = aligner(image)
    mouth = np.arange(48, 68)
    x0, y0, x1, y1 = geometry.points_box(face.points[mouth]).round().astype(int)
    image[y0 - 15 : y1 + 30, x0 - 15 : x1 + 15] = 128
    _, spread = agree(aligner.model, image, face.points)
    eyes = np.arange(36, 48)
    assert spread[mouth].mean() > 2 * spread[eyes].mean()


def test_noise_has_nothing_to_agree_on(aligner):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    (face,) = aligner(noise, boxes=[(80, 80, 220, 220)])
    _, spread = agree(aligner.model, noise, face.points)
    assert (spread < LIMIT).mean() < 0.3


def test_the_same_face_is_labeled_alike_again(aligner):
    image = load_image(PHOTO)
    (face,) = aligner(image)
    a, b = agree(aligner.model, image, face.points), agree(aligner.model, image, face.points)
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])


def test_a_broken_image_is_reported_and_the_rest_is_labeled(aligner, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    said = []
    (found,) = label(aligner, [broken, PHOTO], lambda path, error: said.append(path))
    path, points, mask = found
    assert (path, said) == (PHOTO, [broken])
    assert points.shape == (68, 2)
    assert mask.mean() > 0.9


def test_noisy_or_sparse_points_are_made_anew_and_those_of_another_face_are_left_out(aligner):
    (face,) = aligner(PHOTO)
    noise = np.random.default_rng(0).normal(0, 0.02 * geometry.box_side(face.box), face.points.shape)
    five, ibug68 = get_scheme("five"), get_scheme("ibug68")
    sparse, _ = convert(face.points, np.ones(68, bool), ibug68, five)
    samples = [
        make_sample(PHOTO, face.points + noise, ibug68, "a", "noisy"),
        make_sample(PHOTO, face.points + np.array([200, 0]), ibug68, "b", "beside the face"),
        make_sample(PHOTO, face.points + np.array([0, 0.1 * geometry.box_side(face.box)]), ibug68, "c", "too far down"),
    ]
    ((path, points, mask),) = relabel(aligner, samples, pytest.fail)
    assert path == PHOTO
    assert mask.mean() > 0.9
    moved = np.linalg.norm(points - face.points, axis=1).mean()
    assert moved < 0.25 * np.linalg.norm(noise, axis=1).mean()
    ((_, points, mask),) = relabel(aligner, [make_sample(PHOTO, sparse, five, "d", "five points")], pytest.fail)
    assert points.shape == (68, 2)
    assert np.linalg.norm(points - face.points, axis=1).max() / geometry.box_side(face.box) < 0.05


class Five:
    """Five points of a model of 68."""

    def __init__(self, model):
        self.whole, self.scheme, self.size = model, get_scheme("five"), model.crop_size
        self.margin = 2 * model.crop_margin  # their box is about half as large

    def of(self, points):
        return convert(points, np.ones(68, bool), self.whole.scheme, self.scheme)[0]

    def __call__(self, crops):
        points, errors = self.whole(crops)
        return np.stack([self.of(p) for p in points]), errors[:, :5]


@pytest.mark.filterwarnings("error")
def test_eyes_alone_tell_whether_five_points_are_those_of_the_face(aligner):
    (face,) = aligner(PHOTO)
    model = Five(aligner.model)
    five = Mock(model=model, side_effect=lambda image, boxes: [Mock(points=model.of(face.points))])
    eyes = np.where(np.isin(np.arange(68), range(36, 48))[:, None], face.points, np.nan)
    there, beside = (make_sample(PHOTO, eyes + off, get_scheme("ibug68"), "a", "eyes") for off in (0, 40))
    ((_, points, _),) = relabel(five, [there, beside], pytest.fail)
    assert np.linalg.norm(points - model.of(face.points), axis=1).max() / geometry.box_side(face.box) < 0.05


def test_a_face_annotated_on_a_line_is_left_out_and_stops_nothing(aligner):
    line = np.column_stack([np.full(68, 220), np.arange(90, 158)])
    assert list(relabel(aligner, [make_sample(PHOTO, line, get_scheme("ibug68"), "a", "a line")], pytest.fail)) == []


def test_an_annotated_image_that_cannot_be_read_is_reported(aligner, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    said = []
    sample = make_sample(broken, np.random.default_rng(0).uniform(0, 9, (68, 2)), get_scheme("ibug68"), "a", "broken")
    assert list(relabel(aligner, [sample], lambda path, error: said.append(path))) == []
    assert said == [broken]
