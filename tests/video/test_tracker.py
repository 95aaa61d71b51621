"""Faces followed through frames whose content is known, with the real model and detector."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelattice import geometry
from facelattice.exceptions import VideoError
from facelattice.inference.aligner import FaceAligner
from facelattice.video.crops import CropWriter, stable_crop
from facelattice.video.reader import open_video
from facelattice.video.tracker import DETECT_EVERY, DETECT_HIDDEN, MAX_HIDDEN_SECONDS, Tracker

RATE = 25


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner()


@pytest.fixture(scope="module")
def heads(photo) -> list[np.ndarray]:
    """Two heads to tell apart, 120 px, cut out of the photo: as it is, and mirrored with other colors."""
    head = photo[60:200, 155:275]
    other = cv2.convertScaleAbs(head[:, ::-1, ::-1], alpha=0.7, beta=60)
    return [head, np.ascontiguousarray(other)]


def paste(canvas: np.ndarray, head: np.ndarray, x: float, y: float) -> None:
    matrix = np.array([[1.0, 0, x], [0, 1, y]])
    size = canvas.shape[1::-1]
    cover = cv2.warpAffine(np.full(head.shape[:2], 255, np.uint8), matrix, size) > 127
    canvas[cover] = cv2.warpAffine(head, matrix, size)[cover]


def scene(heads, places, size=(480, 240)) -> np.ndarray:
    """A gray wall with heads at places (x, y); later ones in front."""
    canvas = np.full((size[1], size[0], 3), 120, np.uint8)
    for head, place in zip(heads, places, strict=True):
        if place is not None:
            paste(canvas, head, *place)
    return canvas


def test_a_face_keeps_its_number_and_the_detector_rests(aligner, view):
    looks = []

    def counting(image):
        looks.append(1)
        return aligner.detector(image)

    pluralize = FaceAligner(aligner.model, counting)
    pluralize._mapping = aligner._mapping
    tracker = Tracker(pluralize, smooth=0)
    for i in range(25):
        x, y = 40 + 2 * i, 20 + i
        (face,) = tracker(view(x, y), i / RATE)
        assert face.track == 1
        (alone,) = aligner(view(x, y))
        assert np.linalg.norm(face.points - alone.points, axis=1).mean() < 0.02 * geometry.box_side(alone.box)
    assert len(looks) == 3  # frames 0, 10 and 20


def test_the_detector_looks_at_once_where_a_face_goes_and_then_every_few_frames(aligner, heads):
    looks: list[int] = []

    def counting(image):
        looks.append(i)
        return aligner.detector(image)

    pluralize = FaceAligner(aligner.model, counting)
    pluralize._mapping = aligner._mapping
    tracker = Tracker(pluralize)
    for i in range(16):
        tracker(scene(heads[:1] if i < 4 else [], [(150, 60)][: i < 4]), i / RATE)
    assert looks == [0, 4, 7, 10, 13]


def test_smoothing_stills_a_face_that_is_still(aligner, view):
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(view(60, 30) + rng.normal(0, 25, (240, 320, 3)), 0, 255).astype(np.uint8) for _ in range(40)
    ]  # fmt: skip

    def jitter(smooth: float) -> float:
        tracker = Tracker(aligner, smooth)
        points = np.array([tracker(image, i / RATE)[0].points for i, image in enumerate(noisy)])
        return float(np.linalg.norm(np.diff(points[15:], axis=0), axis=-1).mean())

    assert jitter(1.0) < 0.25 * jitter(0.0)


def test_two_people_who_cross_keep_their_numbers(aligner, heads):
    tracker = Tracker(aligner)
    places = {}
    for i in range(60):
        x = 6.0 * i
        faces = tracker(scene(heads, [(x, 60), (354 - x, 62)]), i / RATE)
        places[i] = {face.track: geometry.box_center(face.box)[0] for face in faces}
        assert len(set(places[i])) == len(faces) <= 2
    assert set(places[5]) == set(places[59]) == {1, 2}
    left = min(places[5], key=lambda track: places[5][track])
    assert max(places[59], key=lambda track: places[59][track]) == left  # who came from the left went to the right
    assert {track for frame in places.values() for track in frame} == {1, 2}


def test_a_face_hidden_for_half_a_second_is_known_again_and_not_drawn_meanwhile(aligner, heads):
    tracker = Tracker(aligner)
    seen = []
    for i in range(50):
        wall = scene(heads[:1], [(100 + 2 * i, 60)])
        if 20 <= i < 33:
            wall[:, :] = 90
        seen.append([face.track for face in tracker(wall, i / RATE)])
    assert seen == [[1]] * 20 + [[]] * 13 + [[1]] * 17


def test_another_person_at_the_same_place_is_someone_else(aligner, heads):
    tracker = Tracker(aligner)
    for i in range(10):
        tracker(scene(heads[:1], [(150, 60)]), i / RATE)
    for i in range(10, 15):
        assert tracker(scene([], []), i / RATE) == []
    later = [tracker(scene(heads[1:], [(150, 60)]), (15 + i) / RATE) for i in range(DETECT_HIDDEN)]
    assert {face.track for faces in later for face in faces} == {2}


def test_whoever_stays_away_is_forgotten(aligner, heads):
    tracker = Tracker(aligner)
    assert [face.track for face in tracker(scene(heads[:1], [(150, 60)]), 0.0)] == [1]
    assert tracker(scene([], []), 0.5) == []
    later = [tracker(scene(heads[:1], [(150, 60)]), 0.6 + MAX_HIDDEN_SECONDS + i / RATE) for i in range(DETECT_EVERY)]
    assert [face.track for face in later[-1]] == [2]


def test_frames_that_stand_for_long_do_not_cost_a_face_its_number(aligner, heads):
    tracker = Tracker(aligner)
    assert [[face.track for face in tracker(scene(heads[:1], [(150, 60)]), 5.0 * i)] for i in range(4)] == [[1]] * 4


@pytest.mark.parametrize("gap", [0.001, 0.005, 0.02])
def test_frames_that_come_close_upon_each_other_do_not_cost_a_face_its_number(aligner, view, gap):
    """Each second frame comes late: a step of a few pixels in a millisecond is no speed."""
    rng = np.random.default_rng(0)
    tracker = Tracker(aligner)
    for i in range(30):
        frame = view(40 + 60 * np.sin(3 * i / RATE), 20) + rng.normal(0, 8, (240, 320, 3))
        (face,) = tracker(np.clip(frame, 0, 255).astype(np.uint8), (i // 2) * 2 / RATE + i % 2 * gap)
        assert face.track == 1


def test_as_many_faces_as_are_wanted(heads):
    tracker = Tracker(FaceAligner(max_faces=1))
    assert [len(tracker(scene(heads, [(60, 60), (260, 60)]), 0.04 * i)) for i in range(12)] == [1] * 12


def test_frames_out_of_order_and_wrong_settings(aligner, heads):
    tracker = Tracker(aligner)
    tracker(scene(heads[:1], [(150, 60)]), 1.0)
    with pytest.raises(ValueError, match=r"0.5 s is before the last"):
        tracker(scene(heads[:1], [(150, 60)]), 0.5)
    for wrong in ({"smooth": -1}, {"smooth": np.inf}, {"smooth": np.nan}, {"every": 0}):
        with pytest.raises(ValueError, match=r"smooth >= 0 and every >= 1"):
            Tracker(aligner, **wrong)


def test_the_crops_of_a_face_that_comes_back_late_are_a_file_of_their_own(aligner, view, tmp_path):
    (face,) = aligner(view(60, 30))
    with CropWriter(tmp_path / "clip", RATE) as writer:
        for i, track in enumerate([1, 2, *[1] * 30, 2, 1]):
            writer.write([replace(face, track=track)], i / RATE)
    assert writer.paths == [tmp_path / f"clip_{name}.mp4" for name in ("track1", "track2", "track2-2")]
    lengths = []
    for path in writer.paths:
        with open_video(path) as video:
            lengths.append(len(list(video)))
    assert lengths == [32, 1, 1]


def test_where_one_face_cannot_be_written_the_others_are(aligner, view, tmp_path):
    (face,) = aligner(view(60, 30))
    writer = CropWriter(tmp_path / "clip", RATE)
    writer.write([replace(face, track=track) for track in (1, 2, 3)], 0.0)
    (tmp_path / "clip_track2.mp4").mkdir()  # in the way since
    with pytest.raises(VideoError, match=r"clip_track2\.mp4: cannot be written"):
        writer.__exit__(None, None, None)
    assert not list(tmp_path.glob(".*"))
    assert all((tmp_path / f"clip_track{track}.mp4").is_file() for track in (1, 3))


def test_a_face_that_left_and_cannot_be_written_is_not_among_the_files(aligner, view, tmp_path):
    (face,) = aligner(view(60, 30))
    writer = CropWriter(tmp_path / "clip", RATE)
    writer.write([replace(face, track=track) for track in (1, 2)], 0.0)
    (tmp_path / "clip_track2.mp4").mkdir()  # in the way since
    with pytest.raises(VideoError, match=r"clip_track2\.mp4: cannot be written"):
        writer.write([replace(face, track=1)], 5.0)
    writer.discard()
    assert writer.paths == []
    assert [path.name for path in tmp_path.iterdir()] == ["clip_track2.mp4"]


def test_crops_hold_the_face_still(aligner, view):
    tracker = Tracker(aligner)
    crops = [stable_crop(tracker(view(40 + 3 * i, 30), i / RATE)[0], 128) for i in range(12)]
    for crop in crops[4:]:
        assert np.abs(crop.astype(int)[16:112, 16:112] - crops[3][16:112, 16:112]).mean() < 8
    (face,) = aligner(crops[5], boxes=[(20, 20, 108, 108)])
    eyes = face.points[[36, 45]]
    assert abs(eyes[0, 1] - eyes[1, 1]) < 4  # upright
    assert abs(eyes[:, 0].mean() - 63.5) < 6
