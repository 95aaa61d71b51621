"""Cloth that fits a head: hats, scarves and masks."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from scipy import sparse

from facelattice_synthetic.accessory_meshes import Accessory, grid_mesh
from facelattice_synthetic.assets import Assets
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.noise import cloth_texture

HATS = ("beanie", "cap", "brim", "scarf", "band")
SURGICAL_COLORS = np.array([[0.75, 0.78, 0.8], [0.35, 0.6, 0.75], [0.02, 0.02, 0.02]])  # linear: white, blue, black


class ClothFitter:
    """Makes hats and masks: cloth at an even distance over a part of the skin.

    Args:
        assets: The 3D assets.
        rest: (V, 3), the skin of the average head.
    """

    def __init__(self, assets: Assets, rest: np.ndarray) -> None:
        self.assets, self.rest = assets, rest
        ends = assets.skin_triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        count = len(rest)
        adjacency = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
        adjacency = ((adjacency + adjacency.T) > 0).astype(float)
        self.edges = np.stack(adjacency.nonzero(), 1)
        self.neighbor_mean = sparse.diags(1 / np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1)) @ adjacency

    def sample_mask(self, skin: np.ndarray, rng: Generator) -> Accessory:
        """Draw a mask over mouth and nose; sometimes it leaves the nose free.

        Args:
            skin: (V, 3), vertices of the head's skin.
            rng: Random numbers.
        """
        x, y, z = self.rest.T
        top = rng.choice([7.14, 7.08, 7.0, 6.86], p=[0.4, 0.3, 0.2, 0.1])
        edge = np.interp(np.abs(x), [0, 0.12, 0.3, 0.55, 0.66], [top, top - 0.03, top - 0.14, 6.9, 6.85])
        inside = np.minimum.reduce([edge - y, y - 6.1 - 0.35 * np.abs(x), rng.uniform(0.5, 0.66) - np.abs(x), z - 0.7])
        if rng.random() < 0.6:
            color = SURGICAL_COLORS[rng.integers(len(SURGICAL_COLORS))]
            texture = (np.tile(color, (64, 64, 1)) * (1 + 0.03 * rng.normal(size=(64, 64, 1)))).astype(np.float32)
        else:
            texture = cloth_texture(rng)
        return self._shell(skin, inside, rng.uniform(0.03, 0.06), int(rng.integers(8, 40)), texture, "mask")

    def sample_hat(self, skin: np.ndarray, kind: str, rng: Generator) -> tuple[list[Accessory], float]:
        """Draw a hat.

        Args:
            skin: (V, 3), vertices of the head's skin.
            kind: One of `HATS`.
            rng: Random numbers.

        Returns:
            Its meshes, and the height on the average head below which hair is visible: infinity if the hat hides no
            hair, minus infinity if it hides all.
        """
        x, y, z = self.rest.T
        front = rng.uniform(7.72, 7.95)
        back = rng.uniform(7.05, 7.5)
        height = back + (front - back) * np.clip((z + 0.4) / 1.7, 0, 1)
        texture = cloth_texture(rng)
        if kind == "band":
            half = rng.uniform(0.07, 0.17)
            inside = np.minimum(half - np.abs(y - height - half), 0.78 - np.abs(x))
            return [self._shell(skin, inside, 0.05, 3, texture, kind)], math.inf
        if kind == "scarf":
            open_y = rng.uniform(7.0, 7.1)
            across, tall = rng.uniform(0.5, 0.6), rng.uniform(0.7, 0.85)
            face = np.hypot(x / across, (y - open_y) / tall) - 1
            inside = np.minimum(np.where(z > 0.55, face, 0.5), y - 5.4)
            return [self._shell(skin, inside, rng.uniform(0.05, 0.12), 25, texture, kind)], -math.inf
        inside = y - height
        meshes = [self._shell(skin, inside, rng.uniform(0.09, 0.16), 6, texture, kind)]
        if kind in {"cap", "brim"}:
            brim_texture = texture if rng.random() < 0.6 else cloth_texture(rng)
            meshes.append(self._sample_brim(meshes[0], inside, kind, brim_texture, rng))
        return meshes, front - 0.2

    def _sample_brim(
        self, crown: Accessory, inside: np.ndarray, kind: str, texture: np.ndarray, rng: Generator
    ) -> Accessory:
        """Draw the brim of a hat.

        Args:
            crown: The part of the hat on the head.
            inside: (V,), height over the lower edge of the crown.
            kind: "cap" has a brim only in front, "brim" all around.
            texture: Its color.
            rng: Random numbers.
        """
        low = crown.vertices[(inside > 0) & (inside < 0.08)]
        center, spread = (low.max(0) + low.min(0)) / 2, np.ptp(low, axis=0) / 2
        slope = np.polyfit(low[:, 2], low[:, 1], 1)
        if kind == "cap":
            angles = np.radians(np.linspace(-62, 62, 25))
            reach = rng.uniform(0.5, 0.8) * np.cos(angles * 0.9) ** 0.7
            drop = rng.uniform(-0.05, 0.2)
        else:
            angles = np.radians(np.linspace(-180, 180, 61))
            reach = np.full(len(angles), rng.uniform(0.3, 1.0))
            drop = rng.uniform(-0.1, 0.25)
        steps = np.linspace(-0.12, 1, 6)
        out = reach[:, None] * steps
        x = center[0] + np.sin(angles)[:, None] * (spread[0] + out)
        z = center[2] + np.cos(angles)[:, None] * (spread[2] + out)
        bend = 0.18 * np.sin(angles)[:, None] ** 2 * np.clip(out, 0, None) if kind == "cap" else 0
        edge = np.polyval(slope, center[2] + np.cos(angles) * spread[2])[:, None]
        y = edge - drop * np.clip(steps, 0, 1) - bend + 0.05
        return grid_mesh("brim", np.stack([x, y, z], 2), texture)

    def _shell(
        self, skin: np.ndarray, inside: np.ndarray, offset: float, steps: int, texture: np.ndarray, kind: str
    ) -> Accessory:
        """Return cloth over a part of the skin.

        Args:
            skin: (V, 3), vertices of the head's skin.
            inside: (V,), positive where the cloth covers the skin, 0 at its edge.
            offset: Distance of the cloth from the skin.
            steps: Number of smoothing steps. With many, the cloth spans hollows of the face.
            texture: Color of the cloth.
            kind: Name of the accessory.
        """
        triangles = self.assets.skin_triangles
        used = (inside[triangles] > 0).any(1)
        vertices = skin
        for _ in range(steps):
            vertices = 0.5 * vertices + 0.5 * (self.neighbor_mean @ vertices)
        normals = vertex_normals(vertices, triangles)
        # Move the cloth outside of the skin where smoothing has moved it inwards.
        inwards = np.clip(((skin - vertices) * normals).sum(1), 0, 0.2)
        for _ in range(4):
            inwards = np.maximum(inwards, 0.5 * inwards + 0.5 * (self.neighbor_mean @ inwards))
        vertices = self._cut(vertices + (inwards + offset)[:, None] * normals, inside)
        uv = np.ascontiguousarray(self.assets.skin_uv[used] * np.float32(4))
        return Accessory(kind, vertices, np.ascontiguousarray(triangles[used]), uv, texture, 0.03, self.rest)

    def _cut(self, vertices: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Move the vertices (V, 3) just outside of the edge onto the edge of `inside`, to make it smooth."""
        a, b = self.edges[:, 0], self.edges[:, 1]
        crossing = (inside[a] > 0) & (inside[b] <= 0)
        a, b = a[crossing], b[crossing]
        share = (inside[a] / np.maximum(inside[a] - inside[b], 1e-9))[:, None]
        crossings = vertices[a] + share * (vertices[b] - vertices[a])
        count = np.bincount(b, minlength=len(vertices))
        total = np.stack([np.bincount(b, crossings[:, k], len(vertices)) for k in range(3)], 1)
        return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], vertices)
