"""Glasses: a frame of tubes, and lenses."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.accessory_meshes import Accessory, tube_mesh


def sample_glasses(skin: np.ndarray, rest: np.ndarray, eyes: np.ndarray, dark: bool, rng: Generator) -> list[Accessory]:
    """Draw glasses.

    Args:
        skin: (V, 3), vertices of the head's skin.
        rest: (V, 3), the skin of the average head.
        eyes: (2, 3), the foremost points of the eyeballs, first the one at the left of the image.
        dark: Whether the lenses are dark.
        rng: Random numbers.
    """
    unit = np.linalg.norm(eyes[1] - eyes[0]) / 0.6
    width, height = unit * rng.uniform(0.21, 0.275), unit * rng.uniform(0.14, 0.25)
    power = rng.uniform(2, 4.5)
    radius = unit * np.exp(rng.uniform(np.log(0.008), np.log(0.035)))
    drop = unit * rng.uniform(0.0, 0.07)
    bridge = _locate(skin, rest, (0, 7.28, 1.42))
    front = max(bridge[2] - 0.02 * unit, eyes[:, 2].max() + 0.09 * unit)
    angles = np.linspace(0, 2 * np.pi, 33)
    color = rng.uniform(0.005, 0.08) * np.ones(3) if rng.random() < 0.6 else rng.uniform(0.01, 0.5, 3)
    texture = np.tile(color.astype(np.float32), (2, 2, 1))
    tint = [*rng.uniform(0.2, 0.9, 3), rng.uniform(0.01, 0.08)]
    if dark:
        tint = [*(rng.uniform(0, 0.04) * rng.random(3)), rng.uniform(0.75, 1)]
    meshes = []
    for side, eye in zip((-1, 1), eyes, strict=True):
        cx, cy = eye[0] * 1.04, eye[1] - drop
        dx = width * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** (2 / power)
        dy = height * np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** (2 / power)
        z = front - 0.35 * np.clip(np.abs(cx + dx) - 0.3 * unit, 0, None) ** 2 / unit + 0.03 * dy
        ring = np.stack([cx + dx, cy + dy, z], 1)
        meshes.append(tube_mesh("frame", ring, radius, texture))
        lens = np.concatenate([ring.mean(0)[None], ring])
        fan = np.array([[0, k, k + 1] for k in range(1, len(ring))], np.int32)
        uv = np.zeros((len(fan), 3, 2), np.float32)
        meshes.append(Accessory("lens", lens, fan, uv, np.tile(np.array(tint, np.float32), (2, 2, 1))))
        outer = ring[np.argmax(side * ring[:, 0])] + [0, height * 0.4, 0]
        ear = _locate(skin, rest, (side * 0.74, 7.38, 0.5))
        meshes.append(tube_mesh("frame", np.linspace(outer, ear, 8), radius * 0.9, texture))
    inner = [eyes[0] * [1.04, 1, 1] + [width, -drop, 0], eyes[1] * [1.04, 1, 1] + [-width, -drop, 0]]
    t = np.linspace(0, 1, 8)[:, None]
    arch = inner[0] + (inner[1] - inner[0]) * t + np.array([0, 0.06 * unit, 0]) * np.sin(np.pi * t)
    arch[:, 2] = front + 0.02 * unit
    meshes.append(tube_mesh("frame", arch, radius, texture))
    return meshes


def _locate(skin: np.ndarray, rest: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
    """Return the position on another head of a place on the average head."""
    nearest = np.argmin(((rest - np.array(place)) ** 2).sum(1))
    return np.asarray(skin[nearest] + (np.array(place) - rest[nearest]))
