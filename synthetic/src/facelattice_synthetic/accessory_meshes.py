"""Meshes of accessories: the data class, and meshes through a grid of points or along a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Accessory:
    """A mesh in the coordinates of the head: x to the left of the person, y up, z ahead, in decimeters.

    Attributes:
        kind: Its name.
        vertices: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2), texture coordinates.
        texture: float32 (H, W, 3 or 4), linear color. With a fourth channel, the opacity, it is blended.
        specular: Strength of the highlights.
        rest: (V, 3), places on the average head, for what bends with the neck. None: it moves with the head.
    """

    kind: str
    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    specular: float = 0.05
    rest: np.ndarray | None = None


def grid_mesh(kind: str, points: np.ndarray, texture: np.ndarray, specular: float = 0.05) -> Accessory:
    """Return a surface through a grid of points (A, B, 3)."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3).astype(np.int32)
    v, u = np.mgrid[:rows, :columns]
    uv = np.stack([u / max(1, columns - 1), v / max(1, rows - 1)], 2).reshape(-1, 2).astype(np.float32)
    return Accessory(kind, points.reshape(-1, 3), triangles, np.ascontiguousarray(uv[triangles]), texture, specular)


def tube_mesh(kind: str, line: np.ndarray, radius: float, texture: np.ndarray) -> Accessory:
    """Return a shiny tube along a line of points (N, 3)."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.cross(along, [0.0, 0.3, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    other = np.cross(along, across)
    angles = np.linspace(0, 2 * np.pi, 9)
    points = line[:, None] + radius * (
        np.cos(angles)[None, :, None] * across[:, None] + np.sin(angles)[None, :, None] * other[:, None]
    )
    return grid_mesh(kind, points, texture, 0.6)
