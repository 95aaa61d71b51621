import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.metrics import (
    auc,
    auroc,
    cumulative_errors,
    eye_distance,
    failure_rate,
    nanmean,
    nme,
    normalizing_distance,
    rank_correlation,
)
from facelattice.schemes import Scheme, get_scheme

NO_EYES = Scheme.from_dict({"name": "mine", "points": 3})
TRIANGLE = np.array([[0.0, 0], [16, 0], [8, 9]])  # box 16 x 9, square root of its area 12


def face68() -> np.ndarray:
    """68 points on a line, except for outer eye corners that differ by (30, 40), which is 50 px."""
    points = np.column_stack([np.arange(68.0), np.zeros(68)])
    points[36], points[45] = (10, 20), (40, 60)
    return points


@pytest.mark.parametrize(("name", "left", "right"), [("ibug68", 36, 45), ("wflw98", 60, 72), ("cofw29", 8, 9)])
def test_inter_ocular_distance_is_between_the_outer_eye_corners(name, left, right):
    points = np.random.default_rng(0).uniform(0, 100, (len(get_scheme(name)), 2))
    points[left], points[right] = (10, 20), (40, 60)
    assert normalizing_distance(points, get_scheme(name)) == pytest.approx(50)


def test_box_replaces_missing_eye_corners():
    assert normalizing_distance(TRIANGLE, NO_EYES) == pytest.approx(12)
    points, mask = face68(), np.ones(68, bool)
    mask[45] = False  # the box without that corner is 67 x 20
    assert normalizing_distance(points, get_scheme("ibug68"), mask) == pytest.approx(np.sqrt(67 * 20))
    points[36] = np.nan
    assert normalizing_distance(points, get_scheme("ibug68")) == pytest.approx(np.sqrt(67 * 60))


def test_eye_distance_needs_all_points_of_both_eyes():
    scheme, points, mask = get_scheme("ibug68"), face68(), np.ones(68, bool)
    # Sums over the six points of each eye: x 10+37+38+39+40+41 = 205 and 42+43+44+40+46+47 = 262, y 20 and 60.
    assert eye_distance(points, scheme.pupils, mask) == pytest.approx(np.hypot(262 - 205, 60 - 20) / 6)
    mask[40] = False
    assert np.isnan(eye_distance(points, scheme.pupils, mask))
    assert normalizing_distance(points, scheme, mask, "inter-pupil") == pytest.approx(np.sqrt(67 * 60))


def test_face_without_a_size_has_no_nme():
    flat = np.array([[0.0, 0], [5, 0], [9, 0]])
    assert np.isnan(normalizing_distance(flat, NO_EYES))
    assert np.isnan(nme(flat + 1, flat, NO_EYES))


def test_nme_of_known_errors():
    truth = face68()
    found = truth.copy()
    found[0] += (3, 4)
    found[67] += (0, -12)
    assert nme(found, truth, get_scheme("ibug68")) == pytest.approx((5 + 12) / 68 / 50)
    assert nme(truth, truth, get_scheme("ibug68")) == 0
    assert nme(truth + np.array([30, 40]), truth, get_scheme("ibug68")) == pytest.approx(1)


def test_nme_ignores_points_that_are_not_annotated():
    truth, mask = face68(), np.ones(68, bool)
    found = truth.copy()
    found[0] += (3, 4)
    found[1] += 1000
    mask[1] = False
    assert nme(found, truth, get_scheme("ibug68"), mask) == pytest.approx(5 / 67 / 50)
    truth[1] = np.nan
    assert nme(found, truth, get_scheme("ibug68")) == pytest.approx(5 / 67 / 50)


def test_nme_of_float32_far_from_the_origin():
    truth = (face68() + 9000).astype(np.float32)
    assert nme(truth + np.float32(0.5), truth, get_scheme("ibug68")) == pytest.approx(np.sqrt(0.5) / 50, rel=1e-4)


def test_failure_rate_counts_errors_above_the_threshold_and_missed_faces():
    errors = [0.02, 0.1, 0.1001, 0.3, np.nan, np.inf, 0.0, 0.05]
    assert failure_rate(errors) == 4 / 8
    assert failure_rate(errors, 0.08) == 5 / 8
    assert failure_rate([0.01]) == 0


def test_auc_of_known_errors():
    assert auc([0.0]) == 1
    assert auc([0.1, 0.2, np.nan, np.inf]) == 0
    assert auc([0.02, 0.05, 0.4, np.nan]) == pytest.approx((0.8 + 0.5) / 4)
    assert auc([0.02, 0.05], threshold=0.08) == pytest.approx((0.75 + 0.375) / 2)


def test_auc_is_the_area_under_the_cumulative_error_curve():
    errors = np.abs(np.random.default_rng(0).normal(0.05, 0.03, 200))
    levels = np.linspace(0, 0.1, 20_001)
    curve = (errors[:, None] <= levels).mean(0)  # fraction of faces with at most that error
    assert auc(errors) == pytest.approx(curve.mean(), abs=1e-4)


def test_cumulative_errors_of_known_errors():
    curve = dict(cumulative_errors(np.array([0.01, 0.02, 0.5, np.nan]), 0.08))
    assert len(curve) == 17
    assert (curve[0], curve[0.01], curve[0.015], curve[0.02], curve[0.08]) == (0, 0.25, 0.25, 0.5, 0.5)


def test_rank_correlation_of_known_values():
    """Spearman's rho of 1 2 3 4 5 and 2 1 4 3 5 is 1 - 6 * 4 / (5 * 24) = 0.8; ties have the mean of their ranks."""
    assert rank_correlation(np.arange(5), np.array([2, 1, 4, 3, 5])) == pytest.approx(0.8)
    assert rank_correlation(np.array([1, 2, 2, 3]), np.array([10, 20, 20, 900])) == pytest.approx(1)
    # Ranks 1 2.5 2.5 4 and 1 2 3 4: deviations -1.5 0 0 1.5 and -1.5 -0.5 0.5 1.5
    assert rank_correlation(np.array([1, 2, 2, 3]), np.arange(4)) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert rank_correlation(np.arange(4), -np.arange(4.0)) == pytest.approx(-1)
    assert np.isnan(rank_correlation(np.arange(4), np.ones(4)))


def test_auroc_of_known_scores():
    """Of the six pairs of 0.9, 0.5, 0.5 with 0.5, 0.1, four are in order and two are ties."""
    assert auroc(np.array([0.9, 0.5, 0.5]), np.array([0.5, 0.1])) == pytest.approx(5 / 6)
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1
    assert auroc(np.array([0.0]), np.array([1.0])) == 0


def test_nanmean_of_finite_values():
    values = np.array([[1.0, np.nan, 3], [np.nan, np.inf, np.nan]])
    np.testing.assert_array_equal(nanmean(values, 1), [2, np.nan])
    np.testing.assert_array_equal(nanmean(values, 0), [1, np.nan, 3])


def test_given_box_and_its_diagonal():
    box = np.array([5, 5, 35, 45])
    assert normalizing_distance(TRIANGLE, NO_EYES, normalizer="diagonal", dataset_box=box) == pytest.approx(50)
    assert normalizing_distance(TRIANGLE, NO_EYES, normalizer="given box", dataset_box=box) == pytest.approx(
        np.sqrt(1200)
    )
    assert np.isnan(normalizing_distance(TRIANGLE, NO_EYES, normalizer="diagonal"))


def test_unknown_normalizer_is_rejected():
    with pytest.raises(ArgumentError, match=r"normalizer must be one of inter-ocular, .*, not 'nose'"):
        normalizing_distance(TRIANGLE, NO_EYES, normalizer="nose")
