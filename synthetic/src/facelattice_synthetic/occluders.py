"""Hands and other objects before the face."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic.accessory_meshes import Accessory, grid_mesh
from facelattice_synthetic.assets import Assets


def sample_hand(
    assets: Assets, base: np.ndarray, target: np.ndarray, normal: np.ndarray, texture: np.ndarray, scale: float,
    rng: Generator,
) -> Accessory:  # fmt: skip
    """Draw a hand that touches the face, with its palm or its back.

    Args:
        assets: The 3D assets.
        base: (V, 3), vertices of the average base mesh.
        target: (3,), the point that the hand touches, in the coordinates of the head.
        normal: (3,), unit direction away from the face.
        texture: The skin's texture.
        scale: Size of the head, 1 for an adult.
        rng: Random numbers.
    """
    hand = assets.hand_matrix @ base
    wrist = base[assets.joints["r-hand"]].mean(0)
    along = hand[hand[:, 1] < np.percentile(hand[:, 1], 15)].mean(0) - wrist
    palm = wrist + 0.5 * along
    along /= np.linalg.norm(along)
    own = hand[(hand - wrist) @ along > 0.1]  # without the arm
    _, _, axes = np.linalg.svd(own - own.mean(0), full_matrices=False)
    flat = axes[2] - along * (axes[2] @ along)
    flat /= np.linalg.norm(flat)
    source = np.stack([along, np.cross(flat, along), flat])
    if rng.random() < 0.5:
        source[1] *= -1  # the other hand
    back = -normal if rng.random() < 0.5 else normal
    upwards = Rotation.from_rotvec(back * rng.uniform(-1.4, 1.4)).apply([0.0, 1, 0])
    upwards -= back * (upwards @ back)
    upwards /= np.linalg.norm(upwards)
    rotated = np.stack([upwards, np.cross(back, upwards), back])
    vertices = (hand - palm) @ source.T @ rotated * scale * rng.uniform(0.85, 1.1)
    near = vertices[(hand - wrist) @ along > 0.1] @ normal
    vertices = vertices + target + normal * (rng.uniform(-0.02, 0.15) - np.quantile(near, 0.03))
    return Accessory("hand", vertices, assets.hand_triangles, assets.hand_uv, texture, 0.15)


def sample_object(target: np.ndarray, normal: np.ndarray, texture: np.ndarray, rng: Generator) -> Accessory:
    """Draw a cylinder, a board, a ball or a rod before the face.

    Args:
        target: (3,), the point of the face that the object hides, in the coordinates of the head.
        normal: (3,), unit direction away from the face.
        texture: float32 (H, W, 3), linear color.
        rng: Random numbers.
    """
    kind = rng.integers(4)
    angles, steps = np.linspace(0, 2 * np.pi, 33), np.linspace(-1, 1, 17)
    if kind == 0:  # a cylinder
        radius, half = rng.uniform(0.25, 0.45), rng.uniform(0.3, 0.7)
        ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], 1)
        points = radius * ring[None] + np.array([0, half, 0]) * steps[:, None, None]
    elif kind == 1:  # a board
        x, y = np.meshgrid(steps * rng.uniform(0.15, 0.6), steps * rng.uniform(0.15, 0.6))
        points = np.stack([x, y, 0.01 * np.ones_like(x)], 2)
    elif kind == 2:  # a ball
        latitudes = np.linspace(-np.pi / 2, np.pi / 2, 17)[:, None]
        x, y, z = np.broadcast_arrays(
            np.cos(latitudes) * np.cos(angles), np.sin(latitudes), np.cos(latitudes) * np.sin(angles)
        )
        points = rng.uniform(0.15, 0.5) * np.stack([x, y, z], 2)
    else:  # a rod
        radius = rng.uniform(0.04, 0.15)
        ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], 1)
        points = radius * ring[None] + np.array([0, 3.0, 0]) * np.linspace(-1, 0.05, 17)[:, None, None]
    rotation = Rotation.from_euler("ZYX", rng.normal(0, [50, 25, 25]), degrees=True)
    points = rotation.apply(points.reshape(-1, 3)).reshape(points.shape)
    reach = -(points @ normal).min()
    points = points + target + normal * (reach + rng.uniform(0.02, 0.5))
    return grid_mesh("object", points, texture, rng.uniform(0.02, 0.7))
