from __future__ import annotations

import numpy as np
from facelattice_synthetic.ray_casting import farthest_hits


def test_the_farther_of_two_walls_is_hit():
    wall = np.array([[0.0, 0, 1], [4, 0, 1], [0, 4, 1]])
    vertices, triangles = np.concatenate([wall, wall + np.array([0, 0, 2])]), np.array([[3, 4, 5], [0, 1, 2]])
    origins, directions = np.array([[1.0, 2, 0], [1, 2, 0], [9, 9, 0]]), np.array([[0.0, 0, 1], [0, 0, -1], [0, 0, 1]])
    found, barycentric = farthest_hits(vertices, triangles, origins, directions)
    assert found.tolist() == [0, 1, 0]  # along -z, the wall at z = 1 is the last one
    np.testing.assert_allclose(barycentric, [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0, 0, 0]], atol=1e-12)
