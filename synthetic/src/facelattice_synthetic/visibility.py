"""Visibility of landmarks, from the depth buffer."""

from __future__ import annotations

import numpy as np

from facelattice_synthetic.camera import Camera
from facelattice_synthetic.scene import FACE_KINDS, Rendering

VISIBLE, HIDDEN_BY_OBJECT, HIDDEN_BY_FACE = 0, 1, 2
TOLERANCE = 0.045
"""Decimeters by which a landmark may be behind the visible surface."""


def find_visibility(points: np.ndarray, camera: Camera, rendering: Rendering, kinds: list[str]) -> np.ndarray:
    """Return the visibility of points in the camera's coordinates.

    A point is hidden if all surfaces in the 5 x 5 pixels around it are nearer than the point, or if layers cover more
    than half of these pixels. A point outside of the image counts as hidden by an object.

    Args:
        points: (N, 3), in the camera's coordinates.
        camera: The camera.
        rendering: The rendered scene.
        kinds: Kinds of its surfaces, one of `Surface.kind` each.

    Returns:
        int (N,): `VISIBLE`, `HIDDEN_BY_OBJECT` or `HIDDEN_BY_FACE`.
    """
    size = rendering.depth.shape[0]
    result = np.full(len(points), VISIBLE)
    pixels = np.round(camera.project(points)).astype(int)
    for number, (x, y) in enumerate(pixels):
        rows, columns = slice(max(0, y - 2), y + 3), slice(max(0, x - 2), x + 3)
        if x < 0 or y < 0 or x >= size or y >= size:
            result[number] = HIDDEN_BY_OBJECT
            continue
        surface_depth = 1 / np.maximum(rendering.depth[rows, columns], 1e-6)
        if (points[number, 2] - surface_depth > TOLERANCE).all():
            surfaces = rendering.surface_ids[rows, columns].ravel()
            nearest = kinds[surfaces[np.argmin(surface_depth)]]
            result[number] = HIDDEN_BY_FACE if nearest in FACE_KINDS else HIDDEN_BY_OBJECT
        elif rendering.layer_opacity[rows, columns].mean() > 0.5:
            result[number] = HIDDEN_BY_OBJECT
    return result
