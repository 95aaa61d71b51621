from __future__ import annotations

import numpy as np
from facelattice_synthetic.rasterizer import OPAQUE, blend_triangles, draw_triangles, interpolate

PIXELS = np.float32([[0, 0], [20, 0], [0, 20]])
TRIANGLE, UV = np.int32([[0, 1, 2]]), np.zeros((1, 3, 2), np.float32)


def buffers(size: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.zeros((size, size), np.float32),
        np.full((size, size), -1, np.int32),
        np.zeros((size, size, 2), np.float32),
    )


def test_the_nearer_triangle_is_seen():
    depth, ids, barycentric = buffers()
    draw_triangles(PIXELS, np.float32([0.5] * 3), TRIANGLE, UV, OPAQUE, 7, depth, ids, barycentric)
    draw_triangles(PIXELS, np.float32([0.25] * 3), TRIANGLE, UV, OPAQUE, 8, depth, ids, barycentric)
    assert ids[3, 3] == 7
    assert ids[15, 15] == -1
    np.testing.assert_allclose(depth[3, 3], 0.5, rtol=1e-5)


def test_interpolation_is_correct_in_perspective():
    depth, ids, barycentric = buffers()
    draw_triangles(PIXELS, np.float32([1, 0.25, 1]), TRIANGLE, UV, OPAQUE, 0, depth, ids, barycentric)
    values = np.float32([[0], [1], [0]])
    # Half way in the image between depths 1 and 4 lies a fifth of the way.
    np.testing.assert_allclose(interpolate(TRIANGLE, values, ids, barycentric)[0, 10], 0.2, atol=1e-5)


def test_a_transparent_pixel_is_not_drawn():
    depth, ids, barycentric = buffers()
    alpha = np.zeros((2, 2), np.float32)
    draw_triangles(PIXELS, np.float32([1, 1, 1]), TRIANGLE, UV, alpha, 0, depth, ids, barycentric)
    assert (ids == -1).all()


def test_layers_are_blended_before_the_surface_alone():
    texture = np.float32([[[1, 0.5, 0, 0.5]]])
    light = np.ones((3, 4), np.float32)
    for inverse_depth, expected in ((0.5, 0.5), (0.1, 0.0)):
        depth, color = np.full((16, 16), 0.3, np.float32), np.zeros((16, 16, 3), np.float32)
        layer_opacity, opacity = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
        near = np.float32([inverse_depth] * 3)
        blend_triangles(PIXELS, near, TRIANGLE, UV, texture, light, 0.0, depth, color, layer_opacity, opacity)
        np.testing.assert_allclose(layer_opacity[3, 3], expected)
        np.testing.assert_allclose(color[3, 3], np.array([1, 0.5, 0]) * expected)
