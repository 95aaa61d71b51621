from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.sample import Sample, make_sample
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import CropPredictions
from facelattice.schemes import convert, get_scheme
from facelattice.training.pseudo_labels import MAX_DEVIATION, label_images, predict_views, relabel_samples

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
IBUG, FIVE = get_scheme("ibug68"), get_scheme("five")


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner()


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return load_image(PHOTO)


@pytest.fixture(scope="module")
def face(aligner, image):
    (face,) = aligner(image)
    return face


def annotate(points: np.ndarray, scheme=IBUG, path: Path = PHOTO) -> Sample:
    return make_sample(path, points, scheme, "a", "here")


def max_distance(a: np.ndarray, b: np.ndarray, box: np.ndarray) -> float:
    """The largest distance, as a fraction of the box's side."""
    return float(np.linalg.norm(a - b, axis=1).max() / geometry.box_side(box))


# --- predict_views


def test_views_of_a_clear_face_agree(aligner, image, face):
    points, deviations = predict_views(aligner.model, image, face.points)
    assert points.dtype == np.float32
    assert (deviations < MAX_DEVIATION).mean() > 0.9
    assert max_distance(points, face.points, face.box) < 0.05
    again = predict_views(aligner.model, image, face.points)
    assert np.array_equal(again[0], points)
    assert np.array_equal(again[1], deviations)


def test_views_agree_less_on_covered_landmarks(aligner, image, face):
    mouth, eyes = np.arange(48, 68), np.arange(36, 48)
    x0, y0, x1, y1 = geometry.points_box(face.points[mouth]).round().astype(int)
    covered = image.copy()
    covered[y0 - 15 : y1 + 30, x0 - 15 : x1 + 15] = 128
    _, deviations = predict_views(aligner.model, covered, face.points)
    assert deviations[mouth].mean() > 2 * deviations[eyes].mean()


def test_views_of_noise_do_not_agree(aligner):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    (face,) = aligner(noise, boxes=[(80, 80, 220, 220)])
    _, deviations = predict_views(aligner.model, noise, face.points)
    assert (deviations < MAX_DEVIATION).mean() < 0.3


# --- label_images and relabel_samples


def test_unreadable_image_is_reported_and_skipped(aligner, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    reported = []
    (label,) = label_images(aligner, [broken, PHOTO], lambda path, error: reported.append(path))
    assert (label.path, reported) == (PHOTO, [broken])
    assert label.points.shape == (68, 2)
    assert label.mask.mean() > 0.9


def test_noisy_points_are_replaced(aligner, face):
    noise = np.random.default_rng(0).normal(0, 0.02 * geometry.box_side(face.box), face.points.shape)
    (label,) = relabel_samples(aligner.predictor, [annotate(face.points + noise)], pytest.fail)
    assert label.mask.mean() > 0.9
    moved = np.linalg.norm(label.points - face.points, axis=1).mean()
    assert moved < 0.25 * np.linalg.norm(noise, axis=1).mean()


def test_five_points_become_68(aligner, face):
    five, _ = convert(face.points, np.ones(68, bool), IBUG, FIVE)
    (label,) = relabel_samples(aligner.predictor, [annotate(five, FIVE)], pytest.fail)
    assert label.points.shape == (68, 2)
    assert max_distance(label.points, face.points, face.box) < 0.05


def test_points_of_another_face_are_left_out(aligner, face):
    offsets = [(200, 0), (0, 0.1 * geometry.box_side(face.box))]
    samples = [annotate(face.points + np.array(offset)) for offset in offsets]
    assert list(relabel_samples(aligner.predictor, samples, pytest.fail)) == []


def test_points_on_a_line_are_left_out(aligner):
    line = np.column_stack([np.full(68, 220), np.arange(90, 158)])
    assert list(relabel_samples(aligner.predictor, [annotate(line)], pytest.fail)) == []


def test_unreadable_image_of_a_sample_is_reported(aligner, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not an image")
    reported = []
    sample = annotate(np.random.default_rng(0).uniform(0, 9, (68, 2)), path=broken)
    assert list(relabel_samples(aligner.predictor, [sample], lambda path, error: reported.append(path))) == []
    assert reported == [broken]


class FivePointModel:
    """A model of five points, made of a model of 68."""

    def __init__(self, model: Any):
        self.model, self.scheme, self.crop_size = model, FIVE, model.crop_size
        self.crop_margin = 2 * model.crop_margin  # the box of five points is about half as large

    @staticmethod
    def convert(points: np.ndarray) -> np.ndarray:
        return convert(points, np.ones(68, bool), IBUG, FIVE)[0]

    def __call__(self, crops: np.ndarray) -> CropPredictions:
        points, expected_errors, visibility = self.model(crops)
        return CropPredictions(np.stack([self.convert(p) for p in points]), expected_errors[:, :5], visibility[:, :5])


@pytest.mark.filterwarnings("error")
def test_distance_is_measured_in_the_models_scheme_if_the_annotations_cannot(aligner, face):
    """Five points do not give the contours of the eyes, but the contours give the centers of the eyes."""
    model = FivePointModel(aligner.model)
    predictor = Mock(model=model)
    predictor.predict.side_effect = lambda images, boxes: [Mock(points=model.convert(face.points))]
    eyes = np.where(np.isin(np.arange(68), range(36, 48))[:, None], face.points, np.nan)
    (label,) = relabel_samples(predictor, [annotate(eyes), annotate(eyes + 40)], pytest.fail)
    assert max_distance(label.points, model.convert(face.points), face.box) < 0.05
