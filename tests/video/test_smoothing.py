from __future__ import annotations

import math

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.schemes import get_scheme, mean_shape
from facelattice.video.smoothing import FaceSmoother, OneEuroFilter

FACE = 200 * mean_shape(get_scheme("ibug68")) + 100
ERRORS = np.full(68, 2.0)
RATE = 30


def smooth_course(course, noise: float, errors=ERRORS, strength: float = 1.0):
    """True, noisy and smoothed points, each (T, 68, 2), of a face that follows a course."""
    rng, smoother = np.random.default_rng(0), FaceSmoother(strength)
    truth = np.array(list(course))
    noisy = truth + noise * rng.normal(size=truth.shape)
    return truth, noisy, np.array([smoother(points, errors, i / RATE) for i, points in enumerate(noisy)])


def jitter(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points[30:], axis=0), axis=-1).mean())


def test_one_euro_by_hand():
    slow = OneEuroFilter(min_cutoff=1.0, beta=0.0)
    assert slow(np.array([0.0]), 0.0) == 0
    alpha = 1 / (1 + 1 / (2 * math.pi * 0.1))  # for a tenth of a second and 1 Hz: 0.3859
    assert slow(np.array([1.0]), 0.1) == pytest.approx([alpha])
    assert slow(np.array([1.0]), 0.1) == pytest.approx([alpha + alpha * (1 - alpha)])
    assert slow(np.array([5.0]), 0.0) == pytest.approx([alpha + alpha * (1 - alpha)])  # no time has passed
    fast = OneEuroFilter(min_cutoff=1.0, beta=2.0)
    fast(np.array([0.0]), 0.0)
    derivative = 10 * alpha  # its cutoff frequency is 1 Hz too
    assert fast(np.array([1.0]), 0.1) == pytest.approx([1 / (1 + 1 / (2 * math.pi * (1 + 2 * derivative) * 0.1))])


def test_jitter_at_rest_is_less_than_a_quarter():
    truth, noisy, smoothed = smooth_course([FACE] * 120, noise=1.0)
    assert jitter(smoothed) < 0.25 * jitter(noisy)
    assert np.abs(smoothed - truth)[30:].mean() < 0.5 * np.abs(noisy - truth)[30:].mean()


@pytest.mark.parametrize("speed", [100, 600])  # pixels a second, of a face of 200
def test_lag_in_motion_is_less_than_a_frame(speed):
    truth, _, smoothed = smooth_course((FACE + np.array([speed * i / RATE, 0]) for i in range(90)), noise=1.0)
    assert 0 <= (truth - smoothed)[60:, :, 0].mean() < 0.7 * speed / RATE


def test_lag_of_roll_and_growth_is_less_than_a_frame():
    def course():
        for i in range(90):
            angle, scale = 0.02 * i, 1.01**i
            rotation = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            yield (FACE - 200) @ rotation.T + 200

    truth, _, smoothed = smooth_course(course(), noise=0.0)
    step = np.linalg.norm(np.diff(truth, axis=0), axis=-1).mean(1)
    assert (np.linalg.norm(truth - smoothed, axis=-1).mean(1)[1:] < step)[30:].all()


def test_full_turn_without_a_jump():
    def course():
        for i in range(120):
            angle = 2 * math.pi * i / 100
            rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            yield (FACE - 200) @ rotation.T + 200

    truth, _, smoothed = smooth_course(course(), noise=0.0)
    assert np.linalg.norm(truth - smoothed, axis=-1)[20:].max() < 15


def test_uncertain_point_moves_less():
    errors = ERRORS.copy()
    errors[8] = 40
    _, _, smoothed = smooth_course([FACE] * 90, noise=2.0, errors=errors)
    still = np.linalg.norm(np.diff(smoothed[30:], axis=0), axis=-1).mean(0)
    assert still[8] < 0.6 * still[7]


def test_strength():
    weak, strong = (smooth_course([FACE] * 90, noise=1.0, strength=strength)[2] for strength in (0.5, 2.0))
    assert jitter(strong) < 0.7 * jitter(weak)


@pytest.mark.parametrize("strength", [0, np.inf, np.nan])
def test_wrong_strength(strength):
    with pytest.raises(ArgumentError, match=f"above 0, not {strength}"):
        FaceSmoother(strength)
