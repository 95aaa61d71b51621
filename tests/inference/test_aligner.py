from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice import FaceAligner, ImageError, load_image
from facelattice.geometry import iou, points_box, square_box
from facelattice.inference.aligner import _mean, face_score
from facelattice.schemes import get_scheme

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
BOX = (178, 85, 268, 178)  # of her landmarks
TIP = 30  # the tip of the nose among the 68 points


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return load_image(ASTRONAUT)


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner()


class Blob:
    """A stand-in for a model that can be checked by hand: it sees the one bright rectangle of a dark crop.

    The five points are its corners and its middle; expected errors are ``error`` px of the crop. It counts its calls.
    """

    scheme, size, margin, unsure = get_scheme("five"), 64, 1.5, 0.7

    def __init__(self, error: float = 1.0, mapping: dict | None = None):
        self.info = {"detectors": {"yunet": mapping}}
        self.error, self.batches = error, []

    def __call__(self, crops):
        self.batches.append(len(crops))
        points = np.full((len(crops), 5, 2), 31.5, np.float32)
        for i, crop in enumerate(crops):
            y, x = np.nonzero(crop[:, :, 0] > 100)
            if len(x):
                x0, x1, y0, y1 = x.min(), x.max(), y.min(), y.max()
                points[i] = [(x0, y0), (x1, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x0, y1), (x1, y1)]
        return points, np.full((len(crops), 5), self.error, np.float32)


def with_blobs(*corners: tuple[int, int], side: int = 100) -> np.ndarray:
    dark = np.zeros((400, 600, 3), np.uint8)
    for x, y in corners:
        dark[y : y + side + 1, x : x + side + 1] = 255
    return dark


def detector(*boxes):
    """A detector that always finds the same."""
    return lambda image: (np.array(boxes, np.float32).reshape(-1, 4), np.ones(len(boxes), np.float32))


def test_the_astronaut(aligner, image):
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
    same = aligner(image)[0]
    assert np.array_equal(same.points, face.points)


def test_the_result_hardly_depends_on_the_box(aligner, image):
    loose = square_box(np.array([228, 137]), 130)
    offset = square_box(np.array([215, 125]), 95)
    exact, *others = aligner(image, boxes=[BOX, loose, offset])
    for other in others:
        assert np.abs(other.points - exact.points).mean() < 0.02 * 93


def test_points_follow_the_image_when_it_is_made_larger(aligner, image):
    once = aligner(image, boxes=[BOX])[0]
    large = cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    thrice = aligner(large, boxes=[[(v + 0.5) * 3 - 0.5 for v in BOX]])[0]
    assert np.abs((thrice.points + 0.5) / 3 - 0.5 - once.points).max() < 1.0
    assert np.allclose(thrice.expected_errors / 3, once.expected_errors, rtol=0.1)


def test_no_face_in_the_box_gets_a_low_score(aligner, image):
    face, wall, flag = aligner(image, boxes=[BOX, (400, 10, 490, 100), (10, 30, 100, 120)])
    assert face.score > 0.6
    assert wall.score < face.score - 0.2
    assert flag.score < face.score - 0.2


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 3), (300, 400)])
def test_images_without_a_face_give_none(aligner, shape):
    assert aligner(np.full(shape, 128, np.uint8)) == []
    assert len(aligner(np.full(shape, 128, np.uint8), boxes=[(0, 0, 50, 50)])) == 1


def test_sixty_faces(aligner, image):
    head = cv2.resize(image[20:220, 120:320], (120, 120), interpolation=cv2.INTER_AREA)
    faces = aligner(np.tile(head, (6, 10, 1)))
    assert len(faces) == 60
    expected = (np.array([227, 130]) - [120, 20]) * 0.6
    assert np.median(np.abs(np.array([face.points[TIP] for face in faces]) % 120 - expected)) < 3
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


def test_boxes_given_come_back_in_order_whatever_their_score():
    photo = with_blobs((50, 50), (300, 200))
    aligner = FaceAligner(Blob(error=60), min_score=0.9, max_faces=1)
    boxes = [(300, 200, 400, 300), (50, 50, 150, 150), (50, 50, 150, 150)]
    faces = aligner(photo, boxes=boxes)
    assert [face.score < 0.9 for face in faces] == [True] * 3
    for face, box in zip(faces, boxes, strict=True):
        assert np.abs(face.box - box).max() < 3
    assert aligner(photo, boxes=[]) == []


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 3, 4], "of shape \\(4,\\)"),
        ([[1, 2, 3]], "of shape \\(1, 3\\)"),
        ([[0, 0, 5, 5], [9, 0, 5, 5]], "box 1: .*x1 > x0"),
        ([[0, 0, 0, 5]], "box 0"),
        ([[0, 0, np.nan, 5]], "box 0"),
        ([[0, 0, np.inf, 5]], "box 0"),
    ],
)
def test_wrong_boxes_are_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        FaceAligner(Blob())(with_blobs(), boxes=boxes)


def test_refining_brings_a_poor_box_home_and_errors_into_pixels():
    photo = with_blobs((200, 150))
    poor = (170, 140, 330, 300)
    model = Blob(error=1.0)
    (once,) = FaceAligner(model, refine=0)(photo, boxes=[poor])
    assert once.expected_errors[0] == pytest.approx(1.0 * 1.5 * 160 / 64)
    (twice,) = FaceAligner(model, refine=2)(photo, boxes=[poor])
    assert twice.expected_errors[0] == pytest.approx(1.0 * 1.5 * 100 / 64, rel=0.05)
    assert np.abs(twice.box - [200, 150, 300, 250]).max() <= np.abs(once.box - [200, 150, 300, 250]).max()
    assert model.batches == [1, 1, 1]  # the second look is where the points are, and a third would be the same


def test_a_box_that_the_points_agree_with_is_looked_at_once():
    near, far = Blob(), Blob()
    photo = with_blobs((200, 150))  # a box of 200 150 300 250
    FaceAligner(near)(photo, boxes=[(204, 148, 304, 248)])
    assert near.batches == [1]
    FaceAligner(far)(photo, boxes=[(206, 148, 306, 248), (210, 150, 310, 250), (190, 140, 310, 260)])
    assert far.batches == [3, 2]  # 10 % aside, and 20 % too large


def test_points_that_make_no_sensible_box_keep_the_first_answer():
    model = Blob()
    (face,) = FaceAligner(model, refine=3)(with_blobs(), boxes=[(100, 100, 200, 200)])  # all points coincide there
    assert model.batches == [1]
    assert np.allclose(face.points, 150, atol=0.01)
    assert face.score == 0.0


class Wary(Blob):
    """Unsure where what it sees reaches the edge of the crop."""

    def __call__(self, crops):
        points, errors = super().__call__(crops)
        cut = (points.min((1, 2)) < 1) | (points.max((1, 2)) > 62)
        return points, np.where(cut[:, None], 3, errors).astype(np.float32)


def test_where_the_model_is_unsure_a_wider_box_is_tried():
    photo, small = with_blobs((200, 150)), (210, 160, 272, 222)  # cut at the right and below: the second look too
    (face,) = FaceAligner(Wary())(photo, boxes=[small])
    assert np.abs(face.box - [200, 150, 300, 250]).max() < 2
    assert face.score > 0.7
    (once,) = FaceAligner(Wary(), refine=0)(photo, boxes=[small])
    assert once.score < 0.7
    spy = Wary()
    FaceAligner(spy, min_score=0.69)(photo, boxes=[small])
    assert len(spy.batches) == 2  # what would not be given is not looked at more


def test_larger_crops_do_not_lead_to_a_neighbor():
    class Neighbors(Blob):
        def __call__(self, crops):
            """Unsure at first; in wider crops surely at a place beside."""
            self.batches.append(len(crops))
            first = len(self.batches) == 1
            low, high = (11, 53) if first else (39, 63)
            points = [(low, low), (high, low), ((low + high) / 2,) * 2, (low, high), (high, high)]
            errors = np.full((len(crops), 5), 5.0 if first else 0.5, np.float32)
            return np.array([points] * len(crops), np.float32), errors

    (face,) = FaceAligner(Neighbors())(with_blobs(), boxes=[(100, 100, 150, 150)])
    assert iou(face.box, (100, 100, 150, 150)) > 0.5


def test_a_face_that_stays_unsure_is_looked_at_from_more_sides():
    photo, box = with_blobs((200, 150)), (200, 150, 300, 250)
    model = Blob(error=2.0)
    (face,) = FaceAligner(model)(photo, boxes=[box])
    assert model.batches == [1, 1, 1, 1, 1]  # its box, a wider one and where that led to, two turned crops
    assert np.abs(face.points[2] - [250, 200]).max() < 1.5  # turned crops are turned back: the middle stays
    assert FaceAligner(Blob(error=2.0), refine=0)(photo, boxes=[box])[0].errors[0] == pytest.approx(2 * 150 / 64)
    sure = Blob(error=2.0)
    sure.unsure = 0.5  # each model says itself from where on it is sure
    FaceAligner(sure)(photo, boxes=[box])
    assert sure.batches == [1, 1, 1]
    several = Blob(error=2.0)
    together = FaceAligner(several)(with_blobs((200, 150), (420, 20)), boxes=[box, (420, 20, 520, 120)])
    assert several.batches == [2] * 5
    assert np.allclose(together[0].points, face.points)
    assert np.abs(together[1].points[2] - [470, 70]).max() < 1.5


def test_where_few_faces_are_wanted_more_looks_only_at_those():
    photo = with_blobs((200, 150), (420, 20), (50, 50))
    boxes = [(200, 150, 300, 250), (205, 152, 305, 252), (420, 20, 520, 120), (50, 50, 150, 150)]
    every, one = Blob(error=2.0), Blob(error=2.0)
    assert len(FaceAligner(every, detector=detector(*boxes))(photo)) == 3
    assert every.batches == [4] * 5
    assert len(FaceAligner(one, detector=detector(*boxes), max_faces=1)(photo)) == 1
    assert one.batches == [4, 1, 1, 1, 1]


def test_the_mean_of_several_looks_by_hand():
    """Points at x = 0 and 4 with errors of 1 and 2: weights of 4/5 and 1/5. Their own error is 1.2, and the answers lie
    a mean square of 2.56 from 0.8, half of which is that of the mean."""
    points, errors = _mean(np.array([[[0.0, 3.0]], [[4.0, 3.0]]]), np.array([[1.0], [2.0]]))
    assert points == pytest.approx(np.array([[0.8, 3.0]]))
    assert errors == pytest.approx([(1.44 + 1.28) ** 0.5])


def test_two_boxes_that_run_to_one_face_give_it_once():
    photo = with_blobs((200, 150), (420, 20))
    found = detector((190, 140, 310, 260), (215, 160, 330, 270), (420, 20, 520, 120))
    faces = FaceAligner(Blob(), detector=found)(photo)
    assert len(faces) == 2
    assert len(FaceAligner(Blob(), detector=found, max_faces=1)(photo)) == 1
    assert FaceAligner(Blob(error=30), detector=found)(photo) == []


def test_boxes_of_the_bundled_detector_are_mapped_and_those_of_others_are_not(image):
    mapping = {"offset": [0.0, 0.2], "scale": 0.5}
    seen = []

    class Spy(Blob):
        def __call__(self, crops):
            seen.append(crops.copy())
            return super().__call__(crops)

    FaceAligner(Spy(mapping=mapping), refine=0)(image)
    FaceAligner(Spy(mapping=None), refine=0)(image)
    assert not np.array_equal(seen[0], seen[1])
    FaceAligner(Spy(mapping=mapping), refine=0, detector=detector(BOX))(image)
    FaceAligner(Spy(), refine=0)(image, boxes=[BOX])
    assert np.array_equal(seen[2], seen[3])


def test_one_face_is_found_at_a_glance(aligner, image):
    near = image[:260, 90:350]
    (glanced,), (looked,) = FaceAligner(max_faces=1)(near), aligner(near)
    assert not np.array_equal(glanced.points, looked.points)  # other boxes, so it did look elsewhere
    assert np.abs(glanced.points - looked.points).mean() < 0.02 * (BOX[2] - BOX[0])


def test_a_face_too_small_for_a_glance_is_found_all_the_same(aligner, image):
    small = np.zeros((480, 640, 3), np.uint8)
    small[200:250, 300:350] = cv2.resize(image[20:220, 120:320], (50, 50), interpolation=cv2.INTER_AREA)
    one = FaceAligner(max_faces=1)
    for faces in (one(small), next(one.batch([small]))):
        assert np.array_equal(faces[0].points, aligner(small)[0].points)
    assert one(np.zeros((50, 50, 3), np.uint8)) == []


def test_a_detectors_broken_boxes_are_left_out():
    found = detector((200, 150, 300, 250), (5, 5, 5, 9), (np.nan, 0, 1, 1))
    assert len(FaceAligner(Blob(), detector=found)(with_blobs((200, 150)))) == 1


def test_batch_gives_what_calling_gives_in_order_with_crops_joined(aligner, image):
    model = Blob()
    found = detector((200, 150, 300, 250))
    photos = [with_blobs((200 + 6 * i, 150)) for i in range(7)]
    joined = FaceAligner(model, detector=found, batch_size=3)
    results = list(joined.batch(photos))
    assert [faces[0].points[0, 0] for faces in results] == pytest.approx([200 + 6 * i for i in range(7)], abs=2)
    assert model.batches == [3, 1, 3, 3, 1, 1]  # each batch once, and those refined whose box is 7 % aside or more

    images = [image, np.zeros((80, 80, 3), np.uint8), image[:, ::-1], ASTRONAUT]
    for faces, one in zip(aligner.batch(images), images, strict=True):
        alone = aligner(one)
        assert len(faces) == len(alone)
        for a, b in zip(faces, alone, strict=True):
            assert np.abs(a.points - b.points).max() < 0.01


def test_batch_takes_images_only_as_it_needs_them():
    taken = []

    def photos():
        for i in range(100):
            taken.append(i)
            yield with_blobs((200, 150))

    results = FaceAligner(Blob(), detector=detector((200, 150, 300, 250)), batch_size=4).batch(photos())
    next(results)
    assert len(taken) == 4

    taken.clear()  # images without faces fill no batch, but they are not held without end either
    results = FaceAligner(Blob(), detector=detector()).batch(np.zeros((4000, 4000), np.uint8) for _ in photos())
    next(results)
    assert len(taken) == 4


def test_a_bad_image_in_a_batch(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    good = with_blobs((200, 150))
    aligner = FaceAligner(Blob(), detector=detector((200, 150, 300, 250)))
    caught = []
    results = list(aligner.batch([good, bad, good], on_error=lambda source, error: caught.append((source, str(error)))))
    assert [len(faces) for faces in results] == [1, 0, 1]
    assert [source for source, _ in caught] == [bad]
    assert "bad.jpg: not an image" in caught[0][1]

    unforgiving = aligner.batch([good, bad, good])
    assert len(next(unforgiving)) == 1
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        next(unforgiving)


def test_the_score_by_hand():
    points = np.array([[0, 0], [100, 50]], np.float32)
    assert face_score(points, np.array([1.0, 3.0])) == pytest.approx(np.exp(-10 * 0.02))
    assert face_score(points * 3, np.array([3.0, 9.0])) == pytest.approx(face_score(points, np.array([1.0, 3.0])))
    assert face_score(points, np.zeros(2)) == 1
    assert face_score(points[[0, 0]], np.ones(2)) == 0


@pytest.mark.parametrize("wrong", [{"refine": -1}, {"min_score": 2}, {"max_faces": 0}, {"batch_size": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        FaceAligner(Blob(), **wrong)
    with pytest.raises(ValueError, match="unknown detector"):
        FaceAligner(Blob(), detector="retina")
