import math

import numpy as np
import pytest

from facelattice import pose
from facelattice.measures import FaceMeasures
from facelattice.schemes import get_scheme, mean_shape
from facelattice.video.blinks import Blink, BlinkDetector

SCHEME = get_scheme("ibug68")


def eyes(left: float, right: float) -> FaceMeasures:
    """A face whose eyes are open to a share of the usual."""
    points = 200 * mean_shape(SCHEME)
    for ids, share in ((range(36, 42), left), (range(42, 48), right)):
        center = points[list(ids), 1].mean()
        points[list(ids), 1] = center + share * (points[list(ids), 1] - center)
    return FaceMeasures(points, SCHEME)


def find_blinks(openness: list[tuple[float, float]], rate: float = 25.0) -> list[Blink]:
    detector = BlinkDetector()
    found = [detector(eyes(*shares), i / rate) for i, shares in enumerate(openness)]
    return [blink for blink in found if blink is not None]


OPEN, SHUT = [(1.0, 1.0)], [(0.15, 0.2)]


def test_blinks_have_start_and_length():
    noise = np.random.default_rng(0).normal(1, 0.05, (200, 2))
    openness = [tuple(pair) for pair in noise]
    for start, length in ((40, 4), (90, 6)):
        openness[start : start + length] = SHUT * length
    assert find_blinks(openness) == [Blink(40 / 25, pytest.approx(4 / 25)), Blink(90 / 25, pytest.approx(6 / 25))]


@pytest.mark.parametrize("openness", [
    OPEN * 100,
    OPEN * 30 + [(0.1, 1.0)] * 5 + OPEN * 30,  # a wink
    OPEN * 30 + SHUT * 60 + OPEN * 30,  # closed for more than a second
    OPEN * 30 + [(0.7, 0.7)] * 50 + OPEN * 30,  # eyes that look down
    SHUT * 100,
])  # fmt: skip
def test_what_is_not_a_blink(openness):
    assert find_blinks(openness) == []


def test_missing_points_are_passed_over():
    detector = BlinkDetector()
    face = eyes(1, 1)
    face.points[37] = math.nan
    assert detector(face, 0.0) is None
    assert detector(FaceMeasures(np.zeros((5, 2)), get_scheme("five")), 0.1) is None


def turned_eyes(yaw: float, left: float, right: float) -> FaceMeasures:
    """The mean 3D face with a yaw in degrees, whose eyes have an openness."""
    points = 200 * (pose._built_in("ibug68")[0] @ pose._rotation(yaw, 0.0).T)[:, :2]
    measures = FaceMeasures(points, SCHEME)
    for side, openness, pairs in (("left", left, ((37, 41), (38, 40))), ("right", right, ((43, 47), (44, 46)))):
        share = openness / getattr(measures, f"{side}_eye_openness")
        for pair in pairs:
            center = points[list(pair)].mean(0)
            points[list(pair)] = center + share * (points[list(pair)] - center)
    return measures


@pytest.mark.parametrize("yaw", [50, -50])
@pytest.mark.parametrize(("shut", "num_blinks"), [
    ((0.6, 0.09), 1),  # the points of the far eye hardly move
    ((0.1, 0.28), 0),  # errors of the far eye alone
])  # fmt: skip
def test_near_eye_of_a_turned_face_decides(yaw, shut, num_blinks):
    series = [(0.7, 0.28)] * 30 + [shut] * 4 + [(0.7, 0.28)] * 30
    detector = BlinkDetector()
    found = []
    for i, (far, near) in enumerate(series):
        expected = (near, far) if yaw > 0 else (far, near)
        measures = turned_eyes(yaw, *expected)
        assert (measures.left_eye_openness, measures.right_eye_openness) == pytest.approx(expected)
        found.append(detector(measures, i / 25))
    assert [blink for blink in found if blink] == [Blink(30 / 25, pytest.approx(4 / 25))] * num_blinks


def test_turning_the_head_is_no_blink():
    detector = BlinkDetector()
    for i, yaw in enumerate([*range(-60, 61, 3), *range(60, -61, -3)]):
        points = 200 * (pose._built_in("ibug68")[0] @ pose._rotation(yaw, 0.0).T)[:, :2]
        assert detector(FaceMeasures(points, SCHEME), i / 25) is None
        assert detector._closed_since is None
