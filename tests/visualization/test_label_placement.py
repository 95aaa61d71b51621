from __future__ import annotations

import numpy as np
import pytest

from facelattice.schemes import SCHEMES, mean_shape
from facelattice.visualization.label_placement import place_labels


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_labels_do_not_overlap_each_other_or_points(scheme):
    points = 900 * (0.07 + 0.86 * mean_shape(scheme))
    sizes = np.array([[9.0 * len(str(i)), 9.0] for i in range(len(scheme))])
    centers = place_labels(scheme, points, sizes, 5.5)
    overlaps = (np.abs(centers[:, None] - centers) < (sizes[:, None] + sizes) / 2).all(2)
    assert (overlaps == np.eye(len(scheme), dtype=bool)).all()
    assert not (np.abs(centers[:, None] - points) < sizes[:, None] / 2).all(2).any()
    assert np.linalg.norm(centers - points, axis=1).max() < 45
    assert (centers > sizes / 2).all()
    assert (centers < 900 - sizes / 2).all()
