from __future__ import annotations

import numpy as np
import pytest

from facelattice.inference.expected_errors import average_predictions, face_score


def test_average_by_hand():
    """Points at x = 0 and 4 with errors 1 and 2 have the weights 4/5 and 1/5.

    Their mean error is 1.2. The mean square distance from 0.8 is 2.56, half of which is the variance of the mean.
    """
    points, errors = average_predictions(np.array([[[0.0, 3.0]], [[4.0, 3.0]]]), np.array([[1.0], [2.0]]))
    assert points == pytest.approx(np.array([[0.8, 3.0]]))
    assert errors == pytest.approx([(1.44 + 1.28) ** 0.5])


def test_score_by_hand():
    points = np.array([[0, 0], [100, 50]], np.float32)
    assert face_score(points, np.array([1.0, 3.0])) == pytest.approx(np.exp(-10 * 0.02))
    assert face_score(points * 3, np.array([3.0, 9.0])) == pytest.approx(face_score(points, np.array([1.0, 3.0])))
    assert face_score(points, np.zeros(2)) == 1
    assert face_score(points[[0, 0]], np.ones(2)) == 0
