from __future__ import annotations

import numpy as np
import pytest

from facelattice.schemes import SCHEMES, mean_shape
from facelattice.visualization.label_placement import MAX_DISTANCE, place_labels, place_near_labels


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


def edge_distances(centers: np.ndarray, points: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Distances (L, N) from the edge of each label to each point."""
    gaps = (np.abs(centers[:, None] - points) - sizes[:, None] / 2).clip(0)
    return np.linalg.norm(gaps, axis=2)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
@pytest.mark.parametrize("side", [40, 92])
def test_labels_of_small_faces_are_near_to_their_points_or_left_out(scheme, side):
    points = side * mean_shape(scheme).astype(np.float64)
    sizes = np.array([[6.0 * len(str(i)), 8.0] for i in range(len(scheme))])
    centers = place_near_labels(scheme, points, sizes, 2.7)
    shown = np.flatnonzero(np.isfinite(centers).all(1))
    assert len(shown) > min(len(scheme), 15) / 2
    distances = edge_distances(centers[shown], points, sizes[shown])
    own = distances[np.arange(len(shown)), shown]
    assert own.max() <= MAX_DISTANCE * 8.0
    distances[np.arange(len(shown)), shown] = np.inf
    assert (own <= 1.25 * distances.min(1)).all()
    assert (distances > 0).all()
    overlaps = (np.abs(centers[shown][:, None] - centers[shown]) < (sizes[shown][:, None] + sizes[shown]) / 2).all(2)
    assert (overlaps == np.eye(len(shown), dtype=bool)).all()


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_large_faces_have_all_labels(scheme):
    points = 900 * mean_shape(scheme).astype(np.float64)
    sizes = np.array([[9.0 * len(str(i)), 9.0] for i in range(len(scheme))])
    np.testing.assert_array_equal(
        place_near_labels(scheme, points, sizes, 5.5), place_labels(scheme, points, sizes, 5.5)
    )
