"""Rotation and position of head and body before the camera."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic.config import Config

TO_CAMERA = np.array([1, -1, -1])
"""The head's axes (x to the left of the person, y up, z ahead) in those of the camera (x right, y down, z away)."""


@dataclass(frozen=True)
class Pose:
    """Rotation and position of head and body.

    Attributes:
        head: Rotation of the head: yaw, pitch, roll.
        body: Rotation of the body.
        pivot: (3,), the point in the neck about which both rotate.
        offset: (3,), position of the pivot in the camera's coordinates, in decimeters.
    """

    head: Rotation
    body: Rotation
    pivot: np.ndarray
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def apply(self, vertices: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """Return vertices (V, 3) in the camera's coordinates.

        Args:
            vertices: (V, 3), in the coordinates of the head.
            rest: (V, 3), their positions on the average head: lower ones follow the body more. If None, all follow the
                head.
        """
        centered = vertices - self.pivot
        rotated = self.head.apply(centered)
        if rest is not None:
            height = rest[:, 1] + 0.3 * rest[:, 2]
            share = np.clip((height - 5.7) / 0.75, 0, 1)[:, None]
            share = share * share * (3 - 2 * share)
            rotated = share * rotated + (1 - share) * self.body.apply(centered)
        return np.asarray(rotated * TO_CAMERA + self.offset)

    def apply_to_directions(self, directions: np.ndarray) -> np.ndarray:
        """Return directions (N, 3) of the head in the camera's coordinates."""
        return np.asarray(self.head.apply(directions) * TO_CAMERA)


def sample_head_rotation(config: Config, rng: Generator) -> Rotation:
    """Draw the rotation of the head."""
    yaw = rng.uniform(-95, 95) if rng.random() < config.wide_pose else np.clip(rng.normal(0, 16), -60, 60)
    pitch = float(np.clip(rng.normal(0, 11), -40, 40))
    roll = rng.uniform(-180, 180) if rng.random() < config.any_roll else rng.normal(0, 10)
    return Rotation.from_euler("ZYX", [roll, np.clip(yaw, -89, 89), pitch], degrees=True)


def sample_body_rotation(head: Rotation, rng: Generator) -> Rotation:
    """Draw the rotation of the body, which partly follows that of the head."""
    noise = np.clip(rng.normal(0, [12, 18, 8]), -40, 40)
    roll, yaw, pitch = head.as_euler("ZYX", degrees=True)
    share = rng.uniform(0.3, 1)
    roll = roll * rng.uniform(0, 0.5) if abs(roll) < 40 else roll
    yaw = yaw * (share if abs(yaw) < 60 else 0.6)
    return Rotation.from_euler("ZYX", np.array([roll, yaw, 0.3 * pitch]) + noise * [0.5, 0.3, 0.3], degrees=True)
