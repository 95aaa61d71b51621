"""Turned photos give the points of the upright photo, at no cost for the upright one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from facelattice import FaceAligner, geometry
from facelattice.detection import YuNetDetector
from facelattice.inference.model_zoo import list_models
from facelattice.inference.onnx_model import CropPredictions
from facelattice.inference.predictor import LandmarkPredictor

BOX = np.array([178, 85, 268, 178])  # the landmarks of the astronaut


class CountingModel:
    """A real model that counts its crops."""

    def __init__(self, model: Any) -> None:
        self.model, self.num_crops = model, 0

    def __call__(self, crops: np.ndarray) -> CropPredictions:
        self.num_crops += len(crops)
        return self.model(crops)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


class CountingDetector(YuNetDetector):
    """The bundled detector, counting its calls."""

    num_calls = 0

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.num_calls += 1
        return super().__call__(image)


@pytest.fixture(scope="module", params=list_models())
def aligner(request) -> FaceAligner:
    return FaceAligner(request.param)


@pytest.mark.parametrize("roll", [90, 180, -45, 155])
def test_turned_photo_gives_the_same_points(aligner, photo, roll):
    (upright,) = aligner(photo)
    turned, matrix = geometry.turn_image(photo, -roll)
    expected = geometry.apply(matrix, upright.points)
    box = geometry.points_box(expected)
    for (face,) in (aligner(turned), aligner(turned, boxes=[box])):
        assert np.linalg.norm(face.points - expected, axis=1).mean() < 2
        assert np.linalg.norm(face.points - expected, axis=1).max() < 8
        assert abs(face.roll - roll) < 30
        assert face.score > upright.score - 0.1


def test_quarter_turn_of_an_array(photo):
    aligner = FaceAligner("ibug68-fast", max_faces=1)
    (upright,), (face,) = aligner(photo), aligner(np.rot90(photo))
    x, y = upright.points.T
    assert np.abs(face.points - np.column_stack([y, photo.shape[1] - 1 - x])).mean() < 2
    assert face.roll == -90


def test_exif_orientation_is_no_roll(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees clockwise
    Image.fromarray(np.ascontiguousarray(np.rot90(photo))).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(np.ascontiguousarray(np.rot90(photo))).save(tmp_path / "no_exif.png")
    aligner = FaceAligner("ibug68-fast")
    (upright,), (with_exif,), (without,) = (
        aligner(image) for image in (photo, tmp_path / "turned.png", tmp_path / "no_exif.png")
    )
    assert np.array_equal(with_exif.points, upright.points)
    assert (upright.roll, with_exif.roll, without.roll) == (0, 0, -90)


def test_upright_face_costs_nothing_more(photo):
    detector, model = CountingDetector(), CountingModel(FaceAligner("ibug68-fast").model)
    aligner: Any = FaceAligner(model, detector)
    (face,) = aligner(photo)
    assert (detector.num_calls, model.num_crops) == (1, 1)
    (given,) = aligner(photo, boxes=[BOX])
    assert (detector.num_calls, model.num_crops) == (1, 2)
    assert face.roll == given.roll == 0


def test_known_roll_needs_one_crop(photo):
    model: Any = CountingModel(FaceAligner("ibug68-fast").model)
    turned, matrix = geometry.turn_image(photo, 140)
    center = geometry.apply(matrix, geometry.box_center(BOX))
    (face,) = LandmarkPredictor(model).predict([turned], [geometry.square_box(center, 93)], rolls=[-140])
    assert model.num_crops == 1
    assert face.roll == -140


def test_all_faces_of_a_turned_photo_are_found(photo):
    """The detector finds some upside-down faces, and then the photo is searched upside down too."""
    head = photo[20:220, 120:320]
    group = np.tile(head, (2, 3, 1))
    aligner = FaceAligner("ibug68-fast")
    upright, turned = aligner(group), aligner(np.rot90(group, 2))
    assert len(upright) == len(turned) == 6
    assert {face.roll for face in turned} == {180}


def test_faces_more_turned_than_the_others_are_found(photo):
    """The clear face is tilted by 25 degrees: the photo is searched again with its roll, 60 degrees from the other."""
    tilted, lying = (geometry.turn_image(photo[20:220, 120:320], -roll)[0] for roll in (25, 85))
    height = max(len(tilted), len(lying))
    rows = [np.pad(image, ((0, height - len(image)), (0, 0), (0, 0))) for image in (tilted, lying)]
    faces = FaceAligner("ibug68-fast")(np.hstack(rows))
    assert sorted(round(face.pose.roll, -1) for face in faces) == [30, 90]


def test_sure_detection_without_a_face_does_not_end_the_search(photo):
    class FalseAlarm(CountingDetector):
        def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            boxes, confidences = super().__call__(image)
            if self.num_calls == 1:
                return np.array([[20.0, 20, 120, 120]]), np.array([0.95])
            return boxes, confidences

    (face,) = FaceAligner("ibug68-fast", FalseAlarm())(np.rot90(photo, 2))
    assert face.roll == 180


def test_uncertain_face_is_also_turned_by_eighths(photo):
    aligner = FaceAligner("ibug68-fast")
    (upright,) = aligner(photo)
    blurred, matrix = geometry.turn_image(cv2.GaussianBlur(photo, (0, 0), 5), -45)
    expected = geometry.apply(matrix, upright.points)
    (face,) = aligner(blurred, boxes=[geometry.points_box(expected)])
    assert face.roll == 45  # not the roll that was measured in a quarter turn
    assert np.linalg.norm(face.points - expected, axis=1).mean() < 3


def test_image_without_a_face_has_none_when_it_is_turned(photo):
    background = photo[:200, 300:]
    assert FaceAligner("ibug68-fast")(background) == []
