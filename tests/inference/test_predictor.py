import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.geometry import iou
from facelattice.inference.onnx_model import CropPredictions
from facelattice.inference.predictor import LandmarkPredictor


def test_each_pair_of_image_and_box_gives_one_face(blob_model, draw_blobs):
    images = [draw_blobs((50, 50)), draw_blobs((300, 200)), draw_blobs((50, 50))]
    boxes = [(50, 50, 150, 150), (300, 200, 400, 300), (50, 50, 150, 150)]
    faces = LandmarkPredictor(blob_model(error=60), min_score=0.9).predict(images, boxes)
    assert all(face.score < 0.9 for face in faces)
    for face, box, image in zip(faces, boxes, images, strict=True):
        assert np.abs(face.box - box).max() < 3
        assert face.image is image
    assert LandmarkPredictor(blob_model()).predict([], []) == []


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 3, 4], r"of shape \(4,\)"),
        ([[1, 2, 3]], r"of shape \(1, 3\)"),
        ([[0, 0, 5, 5], [9, 0, 5, 5]], "box 1: .*x1 > x0"),
        ([[0, 0, 0, 5]], "box 0"),
        ([[0, 0, np.nan, 5]], "box 0"),
        ([[0, 0, np.inf, 5]], "box 0"),
        ([[0, 0, 5, 5], [1, 2]], "must be numbers"),
        ("box", "must be numbers"),
    ],
)
def test_wrong_boxes_are_rejected(blob_model, draw_blobs, boxes, message):
    with pytest.raises(ArgumentError, match=message):
        LandmarkPredictor(blob_model()).predict([draw_blobs()] * len(boxes), boxes)


def test_number_of_images_must_be_the_number_of_boxes(blob_model, draw_blobs):
    with pytest.raises(ArgumentError, match="2 images and 1 boxes"):
        LandmarkPredictor(blob_model()).predict([draw_blobs()] * 2, [(0, 0, 9, 9)])


@pytest.mark.parametrize("setting", [{"refine": -1}, {"min_score": 2}, {"batch_size": 0}])
def test_wrong_settings_are_rejected(blob_model, setting):
    ((name, value),) = setting.items()
    with pytest.raises(ArgumentError, match=f"{name}={value}"):
        LandmarkPredictor(blob_model(), **setting)


def test_refinement_corrects_the_box(blob_model, draw_blobs):
    image, poor = draw_blobs((200, 150)), (170, 140, 330, 300)
    model = blob_model(error=1.0)
    (unrefined,) = LandmarkPredictor(model, refine=0).predict([image], [poor])
    assert unrefined.expected_errors[0] == pytest.approx(1.0 * 1.5 * 160 / 64)  # pixels of the image
    (refined,) = LandmarkPredictor(model, refine=2).predict([image], [poor])
    assert refined.expected_errors[0] == pytest.approx(1.0 * 1.5 * 100 / 64, rel=0.05)
    assert np.abs(refined.box - [200, 150, 300, 250]).max() <= np.abs(unrefined.box - [200, 150, 300, 250]).max()
    assert model.batches == [1, 1, 1]  # the box does not change after the first refinement


def test_only_boxes_that_move_are_refined(blob_model, draw_blobs):
    image = draw_blobs((200, 150))  # its box is 200 150 300 250
    near, far = blob_model(), blob_model()
    LandmarkPredictor(near).predict([image], [(204, 148, 304, 248)])
    assert near.batches == [1]
    boxes = [(206, 148, 306, 248), (210, 150, 310, 250), (190, 140, 310, 260)]  # the last two: 10 % aside, 20 % larger
    LandmarkPredictor(far).predict([image] * 3, boxes)
    assert far.batches == [3, 2]


def test_coinciding_points_are_not_refined(blob_model, draw_blobs):
    model = blob_model()
    (face,) = LandmarkPredictor(model, refine=3).predict([draw_blobs()], [(100, 100, 200, 200)])
    assert model.batches == [1]
    assert np.allclose(face.points, 150, atol=0.01)
    assert face.score == 0.0


def test_batch_size_limits_the_crops_of_a_run(blob_model, draw_blobs):
    model = blob_model()
    LandmarkPredictor(model, batch_size=2).predict([draw_blobs((200, 150))] * 5, [(200, 150, 300, 250)] * 5)
    assert model.batches == [2, 2, 1]


def test_uncertain_face_is_predicted_in_a_wider_box(blob_model, draw_blobs):
    class EdgeModel(blob_model):
        """Uncertain if the rectangle touches the edge of the crop."""

        def __call__(self, crops):
            predictions = super().__call__(crops)
            points, errors, _ = predictions
            touches = (points.min((1, 2)) < 1) | (points.max((1, 2)) > 62)
            return predictions._replace(expected_errors=np.where(touches[:, None], 3, errors).astype(np.float32))

    images, boxes = [draw_blobs((200, 150))], [(210, 160, 272, 222)]  # cuts off the right and the lower edge
    (face,) = LandmarkPredictor(EdgeModel()).predict(images, boxes)
    assert np.abs(face.box - [200, 150, 300, 250]).max() < 2
    assert face.score > 0.7
    (unrefined,) = LandmarkPredictor(EdgeModel(), refine=0).predict(images, boxes)
    assert unrefined.score < 0.7
    model = EdgeModel()
    LandmarkPredictor(model, min_score=0.69).predict(images, boxes)
    assert len(model.batches) == 2  # a face that will be dropped is not predicted again


def test_wider_box_does_not_lead_to_a_neighbor(blob_model, draw_blobs):
    class NeighborModel(blob_model):
        """Uncertain in the first crop; certain of another place in the wider ones."""

        def __call__(self, crops):
            self.batches.append(len(crops))
            first = len(self.batches) == 1
            low, high = (11, 53) if first else (39, 63)
            points = [(low, low), (high, low), ((low + high) / 2,) * 2, (low, high), (high, high)]
            errors = np.full((len(crops), 5), 5.0 if first else 0.5, np.float32)
            return CropPredictions(np.array([points] * len(crops), np.float32), errors, np.ones_like(errors))

    (face,) = LandmarkPredictor(NeighborModel()).predict([draw_blobs()], [(100, 100, 150, 150)])
    assert iou(face.box, (100, 100, 150, 150)) > 0.5


def test_views_of_an_uncertain_face_are_averaged(blob_model, draw_blobs):
    image, box = draw_blobs((200, 150)), (200, 150, 300, 250)
    model = blob_model(error=2.0)
    (face,) = LandmarkPredictor(model).predict([image], [box])
    assert model.batches == [1] * 5  # the box, a wider one and its refinement, two rotated crops
    assert np.abs(face.points[2] - [250, 200]).max() < 1.5  # the rotation is undone: the center stays
    (unrefined,) = LandmarkPredictor(blob_model(error=2.0), refine=0).predict([image], [box])
    assert unrefined.expected_errors[0] == pytest.approx(2 * 150 / 64)


def test_extra_views_are_predicted_below_the_score_of_the_model(blob_model, draw_blobs):
    model = blob_model(error=2.0)
    model.extra_views_below = 0.5
    LandmarkPredictor(model).predict([draw_blobs((200, 150))], [(200, 150, 300, 250)])
    assert model.batches == [1] * 3


def test_views_of_several_faces_run_together(blob_model, draw_blobs):
    (alone,) = LandmarkPredictor(blob_model(error=2.0)).predict([draw_blobs((200, 150))], [(200, 150, 300, 250)])
    model, image = blob_model(error=2.0), draw_blobs((200, 150), (420, 20))
    first, second = LandmarkPredictor(model).predict([image] * 2, [(200, 150, 300, 250), (420, 20, 520, 120)])
    assert model.batches == [2] * 5
    assert np.allclose(first.points, alone.points)
    assert np.abs(second.points[2] - [470, 70]).max() < 1.5
