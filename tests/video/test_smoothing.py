"""Smoothing on points whose true course is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facelattice.schemes import get_scheme, mean_shape
from facelattice.video.smoothing import FaceSmoother, OneEuro

FACE = 200 * mean_shape(get_scheme("ibug68")) + 100
ERRORS = np.full(68, 2.0)
RATE = 30


def follow(course, noise: float, errors=ERRORS, strength: float = 1.0):
    """(truth, seen, smoothed), each (T, 68, 2), of a face on a course of frames."""
    rng, smooth = np.random.default_rng(0), FaceSmoother(strength)
    truth = np.array(list(course))
    seen = truth + noise * rng.normal(size=truth.shape)
    return truth, seen, np.array([smooth(points, errors, i / RATE) for i, points in enumerate(seen)])


def jitter(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points[30:], axis=0), axis=-1).mean())


def test_one_euro_by_hand():
    smooth = OneEuro(cutoff=1.0, beta=0.0)
    assert smooth(np.array([0.0]), 0.0) == 0
    share = 1 / (1 + 1 / (2 * math.pi * 0.1))  # of the way, in a tenth of a second at 1 Hz: 0.3859
    assert smooth(np.array([1.0]), 0.1) == pytest.approx([share])
    assert smooth(np.array([1.0]), 0.1) == pytest.approx([share + share * (1 - share)])
    assert smooth(np.array([5.0]), 0.0) == pytest.approx([share + share * (1 - share)])  # no time has passed
    quick = OneEuro(cutoff=1.0, beta=2.0)
    quick(np.array([0.0]), 0.0)
    slope = 10 * share  # speeds are smoothed at 1 Hz as well
    assert quick(np.array([1.0]), 0.1) == pytest.approx([1 / (1 + 1 / (2 * math.pi * (1 + 2 * slope) * 0.1))])


def test_at_rest_jitter_falls_to_less_than_a_quarter():
    truth, seen, smoothed = follow([FACE] * 120, noise=1.0)
    assert jitter(smoothed) < 0.25 * jitter(seen)
    assert np.abs(smoothed - truth)[30:].mean() < 0.5 * np.abs(seen - truth)[30:].mean()


@pytest.mark.parametrize("speed", [100, 600])  # pixels a second, of a face of 200
def test_in_motion_it_lags_less_than_a_frame(speed):
    truth, _, smoothed = follow((FACE + np.array([speed * i / RATE, 0]) for i in range(90)), noise=1.0)
    assert 0 <= (truth - smoothed)[60:, :, 0].mean() < 0.7 * speed / RATE


def test_turns_and_growth_are_followed_too():
    def course():
        for i in range(90):
            angle, size = 0.02 * i, 1.01**i
            turn = size * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            yield (FACE - 200) @ turn.T + 200

    truth, _, smoothed = follow(course(), noise=0.0)
    step = np.linalg.norm(np.diff(truth, axis=0), axis=-1).mean(1)
    assert (np.linalg.norm(truth - smoothed, axis=-1).mean(1)[1:] < step)[30:].all()


def test_a_full_turn_is_no_jump():
    def course():
        for i in range(120):
            angle = 2 * math.pi * i / 100
            turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            yield (FACE - 200) @ turn.T + 200

    truth, _, smoothed = follow(course(), noise=0.0)
    assert np.linalg.norm(truth - smoothed, axis=-1)[20:].max() < 15


def test_an_unsure_point_moves_less():
    errors = ERRORS.copy()
    errors[8] = 40
    _, _, smoothed = follow([FACE] * 90, noise=2.0, errors=errors)
    still = np.linalg.norm(np.diff(smoothed[30:], axis=0), axis=-1).mean(0)
    assert still[8] < 0.6 * still[7]


def test_strength_must_be_positive_and_finite():
    for wrong in (0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"above 0, not {wrong}"):
            FaceSmoother(wrong)
    weak, strong = (follow([FACE] * 90, noise=1.0, strength=s)[2] for s in (0.5, 2.0))
    assert jitter(strong) < 0.7 * jitter(weak)
