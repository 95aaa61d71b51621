import copy
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice import FaceAligner
from facelattice.exceptions import ArgumentError, ImageError
from facelattice.geometry import iou, points_box, square_box

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
BOX = (178, 85, 268, 178)  # of her landmarks
TIP = 30  # the tip of the nose in the 68 points


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner()


def detector(*boxes):
    """Create a detector that always finds the same boxes."""
    return lambda image: (np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32))


def test_face_of_a_photo(aligner, photo):
    (face,) = aligner(ASTRONAUT)
    assert face.points.shape == (68, 2)
    assert face.expected_errors.shape == (68,)
    assert face.points.dtype == face.expected_errors.dtype == np.float32
    assert np.abs(face.points[TIP] - [227, 130]).max() < 5
    assert iou(face.box, BOX) > 0.85
    assert np.allclose(face.box, points_box(face.points))
    assert 0.6 < face.score <= 1
    assert 0.2 < face.expected_errors.mean() < 5
    assert face.crop(96).shape == (96, 96, 3)
    assert face.to_dict()["scheme"] == "ibug68"
    assert np.array_equal(aligner(photo)[0].points, face.points)


def test_result_hardly_depends_on_the_box(aligner, photo):
    large = square_box(np.array([228, 137]), 130)
    shifted = square_box(np.array([215, 125]), 95)
    exact, *others = aligner(photo, boxes=[BOX, large, shifted])
    for other in others:
        assert np.abs(other.points - exact.points).mean() < 0.02 * 93


def test_points_scale_with_the_image(aligner, photo):
    (face,) = aligner(photo, boxes=[BOX])
    enlarged = cv2.resize(photo, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    (large,) = aligner(enlarged, boxes=[[(v + 0.5) * 3 - 0.5 for v in BOX]])
    assert np.abs((large.points + 0.5) / 3 - 0.5 - face.points).max() < 1.0
    assert np.allclose(large.expected_errors / 3, face.expected_errors, rtol=0.1)


def test_box_without_a_face_has_a_low_score(aligner, photo):
    face, wall, flag = aligner(photo, boxes=[BOX, (400, 10, 490, 100), (10, 30, 100, 120)])
    assert face.score > 0.6
    assert wall.score < face.score - 0.2
    assert flag.score < face.score - 0.2


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 3), (300, 400)])
def test_image_without_a_face(aligner, shape):
    assert aligner(np.full(shape, 128, np.uint8)) == []
    assert len(aligner(np.full(shape, 128, np.uint8), boxes=[(0, 0, 50, 50)])) == 1


def test_sixty_faces(aligner, photo):
    head = cv2.resize(photo[20:220, 120:320], (120, 120), interpolation=cv2.INTER_AREA)
    faces = aligner(np.tile(head, (6, 10, 1)))
    assert len(faces) == 60
    expected = (np.array([227, 130]) - [120, 20]) * 0.6
    assert np.median(np.abs(np.array([face.points[TIP] for face in faces]) % 120 - expected)) < 3
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


def test_given_boxes_are_kept_in_order_whatever_their_score(blob_model, draw_blobs):
    image = draw_blobs((50, 50), (300, 200))
    aligner = FaceAligner(blob_model(error=60), min_score=0.9, max_faces=1)
    boxes = [(300, 200, 400, 300), (50, 50, 150, 150), (50, 50, 150, 150)]
    faces = aligner(image, boxes=boxes)
    assert [face.score < 0.9 for face in faces] == [True] * 3
    for face, box in zip(faces, boxes, strict=True):
        assert np.abs(face.box - box).max() < 3
    assert aligner(image, boxes=[]) == []
    with pytest.raises(ArgumentError, match="box 0"):
        aligner(image, boxes=[[9, 0, 5, 5]])


def test_only_selected_faces_are_predicted_again(blob_model, draw_blobs):
    image = draw_blobs((200, 150), (420, 20), (50, 50))
    boxes = [(200, 150, 300, 250), (205, 152, 305, 252), (420, 20, 520, 120), (50, 50, 150, 150)]
    every, one = blob_model(error=2.0), blob_model(error=2.0)
    assert len(FaceAligner(every, detector=detector(*boxes))(image)) == 3
    assert every.batches == [4] * 5
    assert len(FaceAligner(one, detector=detector(*boxes), max_faces=1)(image)) == 1
    assert one.batches == [4] + [1] * 4


def test_two_boxes_with_the_same_face_give_one_face(blob_model, draw_blobs):
    image = draw_blobs((200, 150), (420, 20))
    boxes = detector((190, 140, 310, 260), (215, 160, 330, 270), (420, 20, 520, 120))
    assert len(FaceAligner(blob_model(), detector=boxes)(image)) == 2
    assert len(FaceAligner(blob_model(), detector=boxes, max_faces=1)(image)) == 1
    assert FaceAligner(blob_model(error=30), detector=boxes)(image) == []


def test_only_boxes_of_the_bundled_detector_are_mapped(blob_model, photo):
    mapping = {"offset": [0.0, 0.2], "scale": 0.5}
    crops = []

    class SpyModel(blob_model):
        def __call__(self, batch):
            crops.append(batch.copy())
            return super().__call__(batch)

    FaceAligner(SpyModel(mapping=mapping), refine=0)(photo)
    FaceAligner(SpyModel(mapping=None), refine=0)(photo)
    assert not np.array_equal(crops[0], crops[1])
    FaceAligner(SpyModel(mapping=mapping), refine=0, detector=detector(BOX))(photo)
    FaceAligner(SpyModel(), refine=0)(photo, boxes=[BOX])
    assert np.array_equal(crops[2], crops[3])


def test_one_large_face_is_detected_at_a_small_scale(aligner, photo):
    near = photo[:260, 90:350]
    (quick,), (full,) = FaceAligner(max_faces=1)(near), aligner(near)
    assert not np.array_equal(quick.points, full.points)  # so the boxes differ
    assert np.abs(quick.points - full.points).mean() < 0.02 * (BOX[2] - BOX[0])


def test_one_small_face_is_detected_too(aligner, photo):
    small = np.zeros((480, 640, 3), np.uint8)
    small[200:250, 300:350] = cv2.resize(photo[20:220, 120:320], (50, 50), interpolation=cv2.INTER_AREA)
    one = FaceAligner(max_faces=1)
    for faces in (one(small), next(one.batch([small]))):
        assert np.array_equal(faces[0].points, aligner(small)[0].points)
    assert one(np.zeros((50, 50, 3), np.uint8)) == []


def test_invalid_boxes_of_a_detector_are_dropped(blob_model, draw_blobs):
    boxes = detector((200, 150, 300, 250), (5, 5, 5, 9), (np.nan, 0, 1, 1))
    assert len(FaceAligner(blob_model(), detector=boxes)(draw_blobs((200, 150)))) == 1


def test_batch_runs_crops_of_several_images_together(blob_model, draw_blobs):
    model = blob_model()
    images = [draw_blobs((200 + 6 * i, 150)) for i in range(7)]
    results = list(FaceAligner(model, detector=detector((200, 150, 300, 250)), batch_size=3).batch(images))
    assert [faces[0].points[0, 0] for faces in results] == pytest.approx([200 + 6 * i for i in range(7)], abs=2)
    assert model.batches == [3, 1, 3, 3, 1, 1]  # and the boxes that are 7 % aside or more are refined


def test_batch_equals_calls(aligner, photo):
    images = [photo, np.zeros((80, 80, 3), np.uint8), photo[:, ::-1], ASTRONAUT]
    for faces, image in zip(aligner.batch(images), images, strict=True):
        expected = aligner(image)
        assert len(faces) == len(expected)
        for a, b in zip(faces, expected, strict=True):
            assert np.abs(a.points - b.points).max() < 0.01


def test_batch_takes_images_when_it_needs_them(blob_model, draw_blobs):
    taken = []

    def images():
        for i in range(100):
            taken.append(i)
            yield draw_blobs((200, 150))

    next(FaceAligner(blob_model(), detector=detector((200, 150, 300, 250)), batch_size=4).batch(images()))
    assert len(taken) == 4


def test_batch_holds_few_images_without_faces(blob_model):
    taken = []

    def images():
        for i in range(100):
            taken.append(i)
            yield np.zeros((4000, 4000), np.uint8)

    next(FaceAligner(blob_model(), detector=detector()).batch(images()))
    assert len(taken) == 4


def test_bad_image_in_a_batch(blob_model, draw_blobs, tmp_path):
    bad, good = tmp_path / "bad.jpg", draw_blobs((200, 150))
    bad.write_bytes(b"not an image")
    aligner = FaceAligner(blob_model(), detector=detector((200, 150, 300, 250)))
    errors = []
    results = list(aligner.batch([good, bad, good], on_error=lambda image, error: errors.append((image, str(error)))))
    assert [len(faces) for faces in results] == [1, 0, 1]
    ((image, message),) = errors
    assert image == bad
    assert "bad.jpg" in message

    without_handler = aligner.batch([good, bad, good])
    assert len(next(without_handler)) == 1
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        next(without_handler)


@pytest.mark.parametrize("images", ["a.jpg", Path("a.jpg"), b"a.jpg"])
def test_batch_of_one_path_is_rejected(blob_model, images):
    with pytest.raises(ArgumentError, match="expects several images"):
        FaceAligner(blob_model()).batch(images)


@pytest.mark.parametrize("setting", [{"refine": -1}, {"min_score": 2}, {"max_faces": 0}, {"batch_size": 0}])
def test_wrong_settings_are_rejected(blob_model, setting):
    ((name, value),) = setting.items()
    with pytest.raises(ArgumentError, match=f"{name}={value}"):
        FaceAligner(blob_model(), **setting)


@pytest.mark.parametrize("wrong", ["retina", 5])
def test_unknown_detector_is_rejected(blob_model, wrong):
    with pytest.raises(ArgumentError, match="unknown detector"):
        FaceAligner(blob_model(), detector=wrong)


def test_copies_and_pickles_give_the_same_points(photo):
    aligner = FaceAligner("ibug68-fast", refine=2, min_score=0.3, max_faces=5, batch_size=7)
    (face,) = aligner(photo)
    for other in (copy.copy(aligner), copy.deepcopy(aligner), pickle.loads(pickle.dumps(aligner))):
        assert repr(other) == repr(aligner)
        assert np.array_equal(other(photo)[0].points, face.points)


def test_repr_is_one_line():
    text = repr(FaceAligner("ibug68-fast", max_faces=2))
    assert "\n" not in text
    for part in ("ibug68-fast.onnx", "detector='yunet'", "refine=1", "min_score=0.18", "max_faces=2", "batch_size=32"):
        assert part in text


def test_images_above_the_pixel_limit_are_rejected():
    aligner = pickle.loads(pickle.dumps(FaceAligner("ibug68-fast", max_pixels=1000)))
    with pytest.raises(
        ImageError, match=r"512 x 512 is more than the limit of 0.001 million pixels; .*--max-megapixels"
    ):
        aligner(ASTRONAUT)
    assert list(aligner.batch([ASTRONAUT], on_error=lambda source, error: None)) == [[]]
