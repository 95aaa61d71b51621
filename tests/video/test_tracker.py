"""Tracks of faces through frames whose content is known, with the bundled model and detector."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelattice import geometry
from facelattice.detection import get_detector
from facelattice.exceptions import ArgumentError
from facelattice.inference.aligner import FaceAligner
from facelattice.video.tracker import DETECT_EVERY, DETECT_EVERY_WHILE_HIDDEN, MAX_HIDDEN_SECONDS, Tracker

RATE = 25


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner("ibug68-fast")


@pytest.fixture(scope="module")
def heads(photo) -> list[np.ndarray]:
    """Two different heads of 120 px: one from the photo, one mirrored and with other colors."""
    head = photo[60:200, 155:275]
    other = cv2.convertScaleAbs(head[:, ::-1, ::-1], alpha=0.7, beta=60)
    return [head, np.ascontiguousarray(other)]


def paste(canvas: np.ndarray, head: np.ndarray, x: float, y: float) -> None:
    matrix = np.array([[1.0, 0, x], [0, 1, y]])
    size = canvas.shape[1::-1]
    mask = cv2.warpAffine(np.full(head.shape[:2], 255, np.uint8), matrix, size) > 127
    canvas[mask] = cv2.warpAffine(head, matrix, size)[mask]


def scene(heads, places) -> np.ndarray:
    """A gray wall with heads at places (x, y); later ones in front."""
    canvas = np.full((240, 480, 3), 120, np.uint8)
    for head, place in zip(heads, places, strict=True):
        paste(canvas, head, *place)
    return canvas


class CountingDetector:
    """The bundled detector, with the number of the frame that is set when it runs."""

    name = "yunet"

    def __init__(self) -> None:
        self.frame = 0
        self.frames: list[int] = []

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.frames.append(self.frame)
        return get_detector("yunet")(image)


def test_face_keeps_its_track_without_the_detector(aligner, view):
    detector = CountingDetector()
    tracker = Tracker(FaceAligner(aligner.model, detector), smooth=0)
    for detector.frame in range(25):
        x, y = 40 + 2 * detector.frame, 20 + detector.frame
        (face,) = tracker(view(x, y), detector.frame / RATE)
        assert face.track == 1
        (alone,) = aligner(view(x, y))
        assert np.linalg.norm(face.points - alone.points, axis=1).mean() < 0.02 * geometry.box_side(alone.box)
    assert detector.frames == [0, 10, 20]


def test_detector_runs_when_a_face_is_lost_and_then_more_often(aligner, heads):
    detector = CountingDetector()
    tracker = Tracker(FaceAligner(aligner.model, detector))
    for detector.frame in range(16):
        is_visible = detector.frame < 4
        tracker(scene(heads[:is_visible], [(150, 60)][:is_visible]), detector.frame / RATE)
    assert detector.frames == [0, 4, 7, 10, 13]


def test_detect_every(aligner, view):
    detector = CountingDetector()
    tracker = Tracker(FaceAligner(aligner.model, detector), detect_every=4)
    for detector.frame in range(9):
        tracker(view(60, 30), detector.frame / RATE)
    assert detector.frames == [0, 4, 8]


def test_smoothing_removes_jitter_of_a_face_at_rest(aligner, view):
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(view(60, 30) + rng.normal(0, 25, (240, 320, 3)), 0, 255).astype(np.uint8) for _ in range(40)
    ]  # fmt: skip

    def jitter(smooth: float) -> float:
        tracker = Tracker(aligner, smooth)
        points = np.array([tracker(image, i / RATE)[0].points for i, image in enumerate(noisy)])
        return float(np.linalg.norm(np.diff(points[15:], axis=0), axis=-1).mean())

    assert jitter(1.0) < 0.25 * jitter(0.0)


def test_two_people_who_cross_keep_their_tracks(aligner, heads):
    tracker = Tracker(aligner)
    places = {}
    for i in range(60):
        x = 6.0 * i
        faces = tracker(scene(heads, [(x, 60), (354 - x, 62)]), i / RATE)
        places[i] = {face.track: geometry.box_center(face.box)[0] for face in faces}
        assert len(set(places[i])) == len(faces) <= 2
    assert set(places[5]) == set(places[59]) == {1, 2}
    left = min(places[5], key=lambda track: places[5][track])
    assert max(places[59], key=lambda track: places[59][track]) == left
    assert {track for frame in places.values() for track in frame} == {1, 2}


def test_face_hidden_for_half_a_second_returns_to_its_track(aligner, heads):
    tracker = Tracker(aligner)
    seen = []
    for i in range(50):
        wall = scene(heads[:1], [(100 + 2 * i, 60)])
        if 20 <= i < 33:
            wall[:, :] = 90
        seen.append([face.track for face in tracker(wall, i / RATE)])
    assert seen == [[1]] * 20 + [[]] * 13 + [[1]] * 17


def test_other_person_at_the_same_place_gets_a_new_track(aligner, heads):
    tracker = Tracker(aligner)
    for i in range(10):
        tracker(scene(heads[:1], [(150, 60)]), i / RATE)
    for i in range(10, 15):
        assert tracker(scene([], []), i / RATE) == []
    later = [tracker(scene(heads[1:], [(150, 60)]), (15 + i) / RATE) for i in range(DETECT_EVERY_WHILE_HIDDEN)]
    assert {face.track for faces in later for face in faces} == {2}


def test_track_ends_when_a_face_is_hidden_for_too_long(aligner, heads):
    tracker = Tracker(aligner)
    assert [face.track for face in tracker(scene(heads[:1], [(150, 60)]), 0.0)] == [1]
    assert tracker(scene([], []), 0.5) == []
    later = [tracker(scene(heads[:1], [(150, 60)]), 0.6 + MAX_HIDDEN_SECONDS + i / RATE) for i in range(DETECT_EVERY)]
    assert [face.track for face in later[-1]] == [2]


def test_face_keeps_its_track_over_long_intervals(aligner, heads):
    tracker = Tracker(aligner)
    assert [[face.track for face in tracker(scene(heads[:1], [(150, 60)]), 5.0 * i)] for i in range(4)] == [[1]] * 4


@pytest.mark.parametrize("gap", [0.001, 0.005, 0.02])
def test_face_keeps_its_track_over_short_intervals(aligner, view, gap):
    """A step of a few pixels in a millisecond is not a velocity."""
    rng = np.random.default_rng(0)
    tracker = Tracker(aligner)
    for i in range(30):
        frame = view(40 + 60 * np.sin(3 * i / RATE), 20) + rng.normal(0, 8, (240, 320, 3))
        (face,) = tracker(np.clip(frame, 0, 255).astype(np.uint8), (i // 2) * 2 / RATE + i % 2 * gap)
        assert face.track == 1


@pytest.mark.parametrize("quarters", [1, 2])
def test_video_that_is_held_sideways(aligner, view, quarters):
    """After the first frame, a turned face costs one crop a frame, as an upright one."""

    class CountingModel:
        num_crops = 0

        def __call__(self, crops):
            self.num_crops += len(crops)
            return model(crops)

        def __getattr__(self, name):
            return getattr(model, name)

    model, counting = aligner.model, CountingModel()
    tracker = Tracker(FaceAligner(counting), smooth=0, detect_every=8)
    for i in range(12):
        frame = view(40 + 2 * i, 20)
        (face,) = tracker(np.ascontiguousarray(np.rot90(frame, quarters)), i / RATE)
        (upright,) = aligner(frame)
        matrix = geometry.turn_image(frame, 90 * quarters)[1]
        distances = np.linalg.norm(face.points - geometry.apply(matrix, upright.points), axis=1)
        assert distances.mean() < 0.02 * geometry.box_side(upright.box)
        assert (face.track, abs(face.roll)) == (1, 90 * quarters)
        if i == 0:
            counting.num_crops = 0
    assert counting.num_crops == 11


def test_crop_follows_a_face_that_turns(aligner, view):
    tracker = Tracker(aligner, smooth=0, detect_every=100)
    rolls = []
    for i in range(37):
        frame = geometry.warp(
            view(60, 30), geometry.crop_transform(np.array([0, 0, 319, 239]), 320, 1.0, 5 * i), (320, 320)
        )
        (face,) = tracker(frame, i / RATE)
        assert face.track == 1
        rolls.append(face.roll)
    assert np.abs(np.array(rolls) - 5 * np.arange(37)).max() < 45
    assert rolls[-1] > 130


def test_max_faces(aligner, heads):
    tracker = Tracker(FaceAligner(aligner.model, max_faces=1))
    assert [len(tracker(scene(heads, [(60, 60), (260, 60)]), 0.04 * i)) for i in range(12)] == [1] * 12


def test_frames_out_of_order_and_wrong_arguments(aligner, heads):
    tracker = Tracker(aligner)
    tracker(scene(heads[:1], [(150, 60)]), 1.0)
    with pytest.raises(ArgumentError, match=r"0\.5 s is before the last"):
        tracker(scene(heads[:1], [(150, 60)]), 0.5)
    for wrong in ({"smooth": -1}, {"smooth": np.inf}, {"smooth": np.nan}, {"detect_every": 0}):
        with pytest.raises(ArgumentError, match=r"smooth >= 0 and detect_every >= 1"):
            Tracker(aligner, **wrong)
