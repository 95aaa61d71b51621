from __future__ import annotations

import numpy as np
from facelattice_synthetic.camera import Camera
from facelattice_synthetic.scene import Rendering
from facelattice_synthetic.visibility import HIDDEN_BY_FACE, HIDDEN_BY_OBJECT, VISIBLE, find_visibility


def test_visibility_is_read_from_the_depth_buffer():
    depth = np.full((20, 20), 0.1, np.float32)  # a wall at 10
    depth[:, 10:] = 0.2
    surface_ids = np.zeros((20, 20), int)
    surface_ids[:, 10:] = 1
    layer_opacity = np.zeros((20, 20), np.float32)
    layer_opacity[:8] = 1
    rendering = Rendering(depth, depth, depth, surface_ids, layer_opacity)
    camera = Camera(10, np.array([10.0, 10]))
    points = np.array([[-6, 4, 10.0], [5, 4, 10], [-6, -6, 10], [-6, 4, 10.2], [-60, 0, 10]])
    expected = [VISIBLE, HIDDEN_BY_OBJECT, HIDDEN_BY_OBJECT, HIDDEN_BY_FACE, HIDDEN_BY_OBJECT]
    assert find_visibility(points, camera, rendering, ["skin", "hand"]).tolist() == expected
