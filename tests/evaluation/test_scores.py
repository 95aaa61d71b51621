from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.sample import make_sample
from facelattice.evaluation.predict import Answer, Predictions
from facelattice.evaluation.protocols import PROTOCOLS
from facelattice.evaluation.scores import common_scheme, nanmean, score, summary
from facelattice.schemes import Scheme, get_scheme, mean_shape

EYES = Scheme.from_dict({"name": "eyes", "points": ["left", "right", "nose"], "ocular": [0, 1]})
FACE = np.array([[0.0, 0], [50, 0], [20, 30]])  # 50 px from eye to eye


def answers(*each: Answer | None, scheme: Scheme = EYES) -> Predictions:
    return Predictions("x", scheme, "predictions", list(each), [])


def test_scores_by_hand():
    """Three faces: one is off by 5, 0 and 10 px, of one a point is missing in the answer, one was not found."""
    hidden = np.array([False, False, True])
    samples = [make_sample(Path("a.png"), FACE, EYES, "a", "here", hidden=hidden)] * 3
    first = Answer(FACE + np.array([[3, 4], [0, 0], [0, -10]]), np.array([1.0, 2, 6]))
    second = Answer(np.array([[1.0, 0], [np.nan, np.nan], [22, 30]]), np.array([5.0, 7, 10]))
    scores = score(samples, answers(first, second, None), PROTOCOLS["wflw"])
    nan = np.nan
    np.testing.assert_allclose(scores.errors, [[0.1, 0, 0.2], [0.02, nan, 0.04], [nan] * 3], atol=1e-6)
    np.testing.assert_allclose(scores.expected, [[0.02, 0.04, 0.12], [0.1, nan, 0.2], [nan] * 3], atol=1e-6)
    np.testing.assert_allclose(scores.nme, [0.1, 0.03, nan], atol=1e-6)
    assert scores.hidden.tolist() == [hidden.tolist()] * 3
    # Medians of 3 and 1, of 0 alone and of 0 and 2 px to the right; of 4 and 0, of 0, and of -10 and 0 px down.
    np.testing.assert_allclose(scores.offsets, np.array([[2, 2], [0, 0], [1, -5]]) / 50, atol=1e-6)
    result = summary(scores, np.ones(3, bool), threshold=0.05)
    assert (result["faces"], result["missed"], result["not_measurable"]) == (3, 1, 0)
    assert result["nme"] == pytest.approx((0.1 + 0.03) / 2)  # of those found
    assert result["failure_rate"] == pytest.approx(2 / 3)  # the first, and the one that was missed
    assert result["auc"] == pytest.approx((0 + 0.4 + 0) / 3)
    assert result["expected_nme"] == pytest.approx((0.06 + 0.15) / 2)
    some = scores.only(np.array([False, True, True]))
    assert summary(some, np.ones(2, bool), 0.05)["failure_rate"] == 0.5


def test_offsets_are_those_of_most_faces():
    samples = [make_sample(Path("a.png"), FACE, EYES, "a", "here")] * 3
    each = [Answer(FACE + np.array([x, 0]), None) for x in (1, 1, 40)]
    np.testing.assert_allclose(score(samples, answers(*each), PROTOCOLS["wflw"]).offsets[:, 0], 1 / 50, atol=1e-6)


def test_a_face_without_a_size_is_counted_and_takes_no_part():
    line = np.array([[0.0, 0], [0, 0], [9, 0]])  # the eyes on one spot, and a box without a height
    samples = [make_sample(Path("a.png"), points, EYES, "a", "here") for points in (FACE, line)]
    scores = score(samples, answers(Answer(FACE + np.array([0, 5]), None), Answer(line + 3, None)), PROTOCOLS["wflw"])
    assert scores.measurable.tolist() == [True, False]
    result = summary(scores, np.ones(2, bool), 0.05)
    assert (result["faces"], result["not_measurable"], result["missed"]) == (2, 1, 0)
    assert (result["nme"], result["failure_rate"]) == (pytest.approx(0.1), 1.0)
    nothing = summary(scores, np.array([False, True]), 0.05)
    assert (nothing["nme"], nothing["failure_rate"], nothing["auc"]) == (None, None, None)


def test_points_are_compared_in_the_scheme_that_knows_more_of_the_others():
    ibug68, wflw98, five = get_scheme("ibug68"), get_scheme("wflw98"), get_scheme("five")
    # 68 points are in both of these, whichever way: then it is the program's.
    assert common_scheme(ibug68, wflw98) is ibug68
    assert common_scheme(wflw98, ibug68) is wflw98
    assert common_scheme(five, ibug68) is common_scheme(ibug68, five) is five
    assert common_scheme(ibug68, ibug68) is ibug68


def test_a_point_made_of_several_is_covered_with_any_of_them_and_expected_as_they_are():
    ibug68, five = get_scheme("ibug68"), get_scheme("five")
    points = mean_shape(ibug68) * 100
    face = make_sample(Path("a.png"), points, ibug68, "a", "here", hidden=np.arange(68) == 37)
    expected = np.zeros(68)
    expected[36:42] = [1, 2, 3, 4, 5, 9]  # around the left eye; 4 in the mean
    scores = score([face], answers(Answer(points + 1.0, expected), scheme=ibug68), PROTOCOLS["300w"], five)
    assert scores.hidden[0].tolist() == [True, False, False, False, False]
    size = np.linalg.norm(points[45] - points[36])
    np.testing.assert_allclose(scores.expected[0], np.array([4, 0, 0, 0, 0]) / size, rtol=1e-5)
    np.testing.assert_allclose(scores.errors[0], np.sqrt(2) / size, rtol=1e-5)


def test_the_mean_of_what_is_there():
    np.testing.assert_array_equal(nanmean(np.array([[1.0, np.nan, 3], [np.nan] * 3]), 1), [2, np.nan])
