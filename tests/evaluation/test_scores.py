from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.sample import make_sample
from facelattice.evaluation.predict import FacePrediction, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.evaluation.scores import common_scheme, compute_scores, summarize
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme, get_scheme, mean_shape

EYES = Scheme.from_dict({"name": "eyes", "points": ["left", "right", "nose"], "ocular": [0, 1]})
FACE = np.array([[0.0, 0], [50, 0], [20, 30]])  # 50 px between the eyes
WFLW = PROTOCOLS["wflw"]


def predictions(*faces: FacePrediction | None, scheme: Scheme = EYES) -> Predictions:
    return Predictions("x", scheme, "predictions", list(faces), [])


def test_scores_computed_by_hand():
    """Three faces: errors of 5, 0 and 10 px; errors of 1 and 2 px with a missing point; not found."""
    occluded = np.array([False, False, True])
    samples = [make_sample(Path("a.png"), FACE, EYES, "a", "here", hidden=occluded)] * 3
    first = FacePrediction(FACE + np.array([[3, 4], [0, 0], [0, -10]]), np.array([1.0, 2, 6]))
    second = FacePrediction(np.array([[1.0, 0], [np.nan, np.nan], [22, 30]]), np.array([5.0, 7, 10]))
    scores = compute_scores(samples, predictions(first, second, None), WFLW)
    nan = np.nan
    np.testing.assert_allclose(scores.errors, [[0.1, 0, 0.2], [0.02, nan, 0.04], [nan] * 3], atol=1e-6)
    np.testing.assert_allclose(scores.expected_errors, [[0.02, 0.04, 0.12], [0.1, nan, 0.2], [nan] * 3], atol=1e-6)
    np.testing.assert_allclose(scores.nme, [0.1, 0.03, nan], atol=1e-6)
    assert scores.occluded.tolist() == [occluded.tolist()] * 3
    # Medians to the right: of 3 and 1, of 0, of 0 and 2 px. Medians down: of 4 and 0, of 0, of -10 and 0 px.
    np.testing.assert_allclose(scores.offsets, np.array([[2, 2], [0, 0], [1, -5]]) / 50, atol=1e-6)
    result = summarize(scores, np.ones(3, bool), threshold=0.05)
    assert (result.num_faces, result.num_missed, result.num_unmeasurable) == (3, 1, 0)
    assert result.nme == pytest.approx((0.1 + 0.03) / 2)  # of the faces found
    assert result.failure_rate == pytest.approx(2 / 3)  # the first face and the missed one
    assert result.auc == pytest.approx((0 + 0.4 + 0) / 3)
    assert result.expected_nme == pytest.approx((0.06 + 0.15) / 2)
    selected = scores.select(np.array([False, True, True]))
    assert summarize(selected, np.ones(2, bool), 0.05).failure_rate == 0.5


def test_offset_is_a_median():
    samples = [make_sample(Path("a.png"), FACE, EYES, "a", "here")] * 3
    faces = [FacePrediction(FACE + np.array([x, 0]), None) for x in (1, 1, 40)]
    np.testing.assert_allclose(compute_scores(samples, predictions(*faces), WFLW).offsets[:, 0], 1 / 50, atol=1e-6)


def test_face_without_a_normalizing_distance_is_left_out():
    line = np.array([[0.0, 0], [0, 0], [9, 0]])  # coinciding eyes and a box without height
    samples = [make_sample(Path("a.png"), points, EYES, "a", "here") for points in (FACE, line)]
    faces = FacePrediction(FACE + np.array([0, 5]), None), FacePrediction(line + 3, None)
    scores = compute_scores(samples, predictions(*faces), WFLW)
    assert scores.measurable.tolist() == [True, False]
    result = summarize(scores, np.ones(2, bool), 0.05)
    assert (result.num_faces, result.num_unmeasurable, result.num_missed) == (2, 1, 0)
    assert (result.nme, result.failure_rate) == (pytest.approx(0.1), 1.0)
    nothing = summarize(scores, np.array([False, True]), 0.05)
    assert (nothing.nme, nothing.failure_rate, nothing.auc) == (None, None, None)


def test_common_scheme_has_the_most_shared_points():
    ibug68, wflw98, five = get_scheme("ibug68"), get_scheme("wflw98"), get_scheme("five")
    assert common_scheme(ibug68, wflw98) is ibug68  # 68 shared points either way: the predicted scheme
    assert common_scheme(wflw98, ibug68) is wflw98
    assert common_scheme(five, ibug68) is common_scheme(ibug68, five) is five
    assert common_scheme(ibug68, ibug68) is ibug68


def test_converted_point_is_occluded_if_any_source_point_is():
    ibug68, five = get_scheme("ibug68"), get_scheme("five")
    points = mean_shape(ibug68) * 100
    face = make_sample(Path("a.png"), points, ibug68, "a", "here", hidden=np.arange(68) == 37)
    expected = np.zeros(68)
    expected[36:42] = [1, 2, 3, 4, 5, 9]  # the left eye, with a mean of 4
    predicted = predictions(FacePrediction(points + 1.0, expected), scheme=ibug68)
    scores = compute_scores([face], predicted, PROTOCOLS["300w"], five)
    assert scores.occluded[0].tolist() == [True, False, False, False, False]
    size = np.linalg.norm(points[45] - points[36])
    np.testing.assert_allclose(scores.expected_errors[0], np.array([4, 0, 0, 0, 0]) / size, rtol=1e-5)
    np.testing.assert_allclose(scores.errors[0], np.sqrt(2) / size, rtol=1e-5)


def test_schemes_without_a_common_annotated_point_are_an_error():
    five, ibug68 = get_scheme("five"), get_scheme("ibug68")
    points = mean_shape(ibug68) * 100
    points[36:60] = np.nan  # the jaw and the brows, which are not among the five points
    points[30] = np.nan
    face = make_sample(Path("a.png"), points, ibug68, "a", "here")
    predicted = predictions(FacePrediction(np.ones((5, 2), np.float32), None), scheme=five)
    with pytest.raises(DataError, match="ibug68, shares no landmark with five"):
        compute_scores([face], predicted, PROTOCOLS["box"], five)
