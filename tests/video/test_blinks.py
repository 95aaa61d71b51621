import math

import numpy as np
import pytest

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
