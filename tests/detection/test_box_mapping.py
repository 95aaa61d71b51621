import numpy as np
import pytest

from facelattice.detection import fit_box_mapping, map_box
from facelattice.exceptions import ArgumentError

DETECTED = np.array([[0, 0, 40, 90], [100, 100, 140, 190], [0, 0, 10, 10]])  # sqrt(w h): 60, 60, 10
TRUTH = np.array([[0, 30, 40, 78], [100, 130, 140, 178], [90, 90, 99, 99]])  # the last is an outlier


def test_mapping_is_the_median_over_the_faces():
    assert fit_box_mapping(DETECTED, TRUTH) == {"offset": [0.0, 0.15], "scale": 0.8}


def test_map_box_scales_with_the_box():
    mapping = {"offset": [0.0, 0.15], "scale": 0.8}
    np.testing.assert_allclose(map_box(DETECTED[0], mapping), [20 - 24, 54 - 24, 20 + 24, 54 + 24])
    np.testing.assert_allclose(map_box(DETECTED[0] * 3.0, mapping), 3 * map_box(DETECTED[0], mapping))


@pytest.mark.parametrize("shapes", [((0, 4), (0, 4)), ((3, 4), (2, 4)), ((3, 5), (3, 5)), ((4,), (4,))])
def test_wrong_shapes_are_rejected(shapes):
    with pytest.raises(ArgumentError, match=r"must both be \(M, 4\) with M > 0"):
        fit_box_mapping(*map(np.ones, shapes))


def test_offset_turns_with_the_face():
    mapping = {"offset": [0.0, 0.2], "scale": 0.5}  # the landmarks are in the lower part of the box
    assert map_box(np.array([0, 0, 100, 100]), mapping, roll=90) == pytest.approx([5, 25, 55, 75])
    assert map_box(np.array([0, 0, 100, 100]), mapping, roll=180) == pytest.approx([25, 5, 75, 55])
