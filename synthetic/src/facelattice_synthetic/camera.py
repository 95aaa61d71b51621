"""A pinhole camera, and its random framing of a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.config import Config

NEAR = 0.5
"""Vertices nearer than this, in decimeters, are not drawn."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at the origin: x to the right, y down, z ahead, in decimeters.

    Attributes:
        focal: Focal length in pixels.
        center: (2,), pixel of the optical axis.
    """

    focal: float
    center: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the pixels (N, 2) of points (N, 3)."""
        return np.asarray(self.center + self.focal * points[:, :2] / points[:, 2:])

    def project_vertices(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels (V, 2) and the 1 / depth (V,) of vertices (V, 3) for the rasterizer, as float32.

        The 1 / depth of vertices that are nearer than `NEAR` is 0.
        """
        depth = np.maximum(vertices[:, 2], 1e-3)
        pixels = self.center + self.focal * vertices[:, :2] / depth[:, None]
        return pixels.astype(np.float32), np.where(vertices[:, 2] > NEAR, 1 / depth, 0).astype(np.float32)


def sample_camera(points: np.ndarray, size: int, config: Config, rng: Generator) -> Camera:
    """Draw a camera in which the face has a random size and place.

    Args:
        points: (N, 3), all landmarks but the jaw, before the camera.
        size: Side of the image in pixels.
        config: Ranges of size and place.
        rng: Random numbers.
    """
    projected = Camera(1.0, np.zeros(2)).project(points)
    # The jaw's points are added to the box: they lie about as far under the mouth as the brows lie over it.
    box = np.stack([projected.min(0), projected.max(0)])
    side = max(float(np.ptp(projected, axis=0).max()) * 1.15, 1e-3)
    focal = size * rng.uniform(*config.face_share) / side
    shift = rng.uniform(-1, 1, 2) * config.off_center * size
    return Camera(focal, size / 2 - focal * box.mean(0) + shift)
