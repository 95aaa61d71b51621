"""Things on and before the face: hats, glasses, masks, hands and other objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import sparse
from scipy.spatial.transform import Rotation

from facelattice_synthetic.assets import Assets
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.noise import cloth_texture

HATS = ("beanie", "cap", "brim", "scarf", "band")


@dataclass
class Item:
    """A mesh in the coordinates of the head: x left of the person, y up, z ahead.

    Attributes:
        kind: Its name.
        vertices: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        texture: float32 (H, W, 3 or 4), linear; with an opacity it is blended.
        specular: Strength of the highlights.
        rest: (V, 3), places on the average head; empty moves with the head as a rigid body.
    """

    kind: str
    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    specular: float = 0.05
    rest: np.ndarray | None = None


class Wardrobe:
    """Makes things that fit a head.

    Args:
        assets: The parts.
        rest: (V, 3), the skin of the average head.
    """

    def __init__(self, assets: Assets, rest: np.ndarray) -> None:
        self.assets, self.rest = assets, rest
        ends = assets.skin_triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        count = len(rest)
        links = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
        links = ((links + links.T) > 0).astype(float)
        self.links = np.stack(links.nonzero(), 1)
        self.mean = sparse.diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links

    def shell(self, skin: np.ndarray, inside: np.ndarray, offset: float, smooth: int, texture: np.ndarray, kind: str,
              specular: float = 0.03) -> Item:  # fmt: skip
        """Return cloth over a part of the skin.

        Args:
            skin: (V, 3), vertices of the head's skin.
            inside: (V,), positive where it covers the skin, 0 at its edge.
            offset: Its distance from the skin.
            smooth: Number of steps that smooth it. More make it span hollows.
            texture: Its color.
            kind: Its name.
            specular: Strength of its highlights.
        """
        triangles = self.assets.skin_triangles
        used = (inside[triangles] > 0).any(1)
        vertices = skin
        for _ in range(smooth):
            vertices = 0.5 * vertices + 0.5 * (self.mean @ vertices)
        normals = vertex_normals(vertices, triangles)
        # It lies outside the skin everywhere, also where smoothing moved it inwards.
        inwards = np.clip(((skin - vertices) * normals).sum(1), 0, 0.2)
        for _ in range(4):
            inwards = np.maximum(inwards, 0.5 * inwards + 0.5 * (self.mean @ inwards))
        vertices = self._cut(vertices + (inwards + offset)[:, None] * normals, inside)
        uv = np.ascontiguousarray(self.assets.skin_uv[used] * np.float32(4))
        return Item(kind, vertices, np.ascontiguousarray(triangles[used]), uv, texture, specular, self.rest)

    def _cut(self, vertices: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Move the vertices just outside of an edge onto it."""
        a, b = self.links[:, 0], self.links[:, 1]
        crossing = (inside[a] > 0) & (inside[b] <= 0)
        a, b = a[crossing], b[crossing]
        share = (inside[a] / np.maximum(inside[a] - inside[b], 1e-9))[:, None]
        places = vertices[a] + share * (vertices[b] - vertices[a])
        count = np.bincount(b, minlength=len(vertices))
        total = np.stack([np.bincount(b, places[:, k], len(vertices)) for k in range(3)], 1)
        return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], vertices)

    def at(self, skin: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
        """Return where a place of the average head is on another head."""
        nearest = np.argmin(((self.rest - np.array(place)) ** 2).sum(1))
        return skin[nearest] + (np.array(place) - self.rest[nearest])

    def hat(self, skin: np.ndarray, kind: str, rng: Generator) -> tuple[list[Item], float]:
        """Return a hat's parts, and the height on the average head above which it hides hair."""
        x, y, z = self.rest.T
        front = rng.uniform(7.72, 7.95)
        back = rng.uniform(7.05, 7.5)
        height = back + (front - back) * np.clip((z + 0.4) / 1.7, 0, 1)
        texture = cloth_texture(rng)
        if kind == "band":
            half = rng.uniform(0.07, 0.17)
            inside = np.minimum(half - np.abs(y - height - half), 0.78 - np.abs(x))
            return [self.shell(skin, inside, 0.05, 3, texture, kind)], 99.0
        if kind == "scarf":
            open_y = rng.uniform(7.0, 7.1)
            across, tall = rng.uniform(0.5, 0.6), rng.uniform(0.7, 0.85)
            face = np.hypot(x / across, (y - open_y) / tall) - 1
            inside = np.minimum(np.where(z > 0.55, face, 0.5), y - 5.4)
            return [self.shell(skin, inside, rng.uniform(0.05, 0.12), 25, texture, kind)], -99.0
        inside = y - height
        items = [self.shell(skin, inside, rng.uniform(0.09, 0.16), 6, texture, kind)]
        if kind in {"cap", "brim"}:
            items.append(self._brim(items[0], inside, kind, texture if rng.random() < 0.6 else cloth_texture(rng), rng))
        return items, front - 0.2

    def _brim(self, dome: Item, inside: np.ndarray, kind: str, texture: np.ndarray, rng: Generator) -> Item:
        low = dome.vertices[(inside > 0) & (inside < 0.08)]
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
        y = (
            np.polyval(slope, center[2] + np.cos(angles) * spread[2])[:, None]
            - drop * np.clip(steps, 0, 1)
            - bend
            + 0.05
        )
        return grid_item("brim", np.stack([x, y, z], 2), texture)

    def glasses(self, skin: np.ndarray, eyes: np.ndarray, dark: bool, rng: Generator) -> list[Item]:
        """Return glasses: frame and lenses.

        Args:
            skin: (V, 3), vertices of the head's skin.
            eyes: (2, 3), the foremost points of the eyeballs, first that at the left of the image.
            dark: Whether the lenses are dark.
            rng: Random numbers.
        """
        unit = np.linalg.norm(eyes[1] - eyes[0]) / 0.6
        width, height = unit * rng.uniform(0.21, 0.275), unit * rng.uniform(0.14, 0.25)
        power = rng.uniform(2, 4.5)
        radius = unit * np.exp(rng.uniform(np.log(0.008), np.log(0.035)))
        drop = unit * rng.uniform(0.0, 0.07)
        bridge = self.at(skin, (0, 7.28, 1.42))
        ahead = max(bridge[2] - 0.02 * unit, eyes[:, 2].max() + 0.09 * unit)
        angles = np.linspace(0, 2 * np.pi, 33)
        color = rng.uniform(0.005, 0.08) * np.ones(3) if rng.random() < 0.6 else rng.uniform(0.01, 0.5, 3)
        texture = np.tile(color.astype(np.float32), (2, 2, 1))
        tint = [*rng.uniform(0.2, 0.9, 3), rng.uniform(0.01, 0.08)]
        if dark:
            tint = [*(rng.uniform(0, 0.04) * rng.random(3)), rng.uniform(0.75, 1)]
        items = []
        for side, eye in zip((-1, 1), eyes, strict=True):
            cx, cy = eye[0] * 1.04, eye[1] - drop
            dx = width * np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** (2 / power)
            dy = height * np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** (2 / power)
            z = ahead - 0.35 * np.clip(np.abs(cx + dx) - 0.3 * unit, 0, None) ** 2 / unit + 0.03 * dy
            ring = np.stack([cx + dx, cy + dy, z], 1)
            items.append(tube_item("frame", ring, radius, texture))
            lens = np.concatenate([ring.mean(0)[None], ring])
            fan = np.array([[0, k, k + 1] for k in range(1, len(ring))], np.int32)
            uv = np.zeros((len(fan), 3, 2), np.float32)
            items.append(Item("lens", lens, fan, uv, np.tile(np.array(tint, np.float32), (2, 2, 1))))
            outer = ring[np.argmax(side * ring[:, 0])] + [0, height * 0.4, 0]
            ear = self.at(skin, (side * 0.74, 7.38, 0.5))
            items.append(tube_item("frame", np.linspace(outer, ear, 8), radius * 0.9, texture))
        inner = [eyes[0] * [1.04, 1, 1] + [width, -drop, 0], eyes[1] * [1.04, 1, 1] + [-width, -drop, 0]]
        t = np.linspace(0, 1, 8)[:, None]
        arch = inner[0] + (inner[1] - inner[0]) * t + np.array([0, 0.06 * unit, 0]) * np.sin(np.pi * t)
        arch[:, 2] = ahead + 0.02 * unit
        items.append(tube_item("frame", arch, radius, texture))
        return items

    def mask(self, skin: np.ndarray, rng: Generator) -> Item:
        """Return a mask over mouth and nose; sometimes under the nose or the chin."""
        x, y, z = self.rest.T
        top = rng.choice([7.14, 7.08, 7.0, 6.86], p=[0.4, 0.3, 0.2, 0.1])
        edge = np.interp(np.abs(x), [0, 0.12, 0.3, 0.55, 0.66], [top, top - 0.03, top - 0.14, 6.9, 6.85])
        inside = np.minimum.reduce([edge - y, y - 6.1 - 0.35 * np.abs(x), rng.uniform(0.5, 0.66) - np.abs(x), z - 0.7])
        if rng.random() < 0.6:
            color = [np.array([0.75, 0.78, 0.8]), np.array([0.35, 0.6, 0.75]), np.array([0.02, 0.02, 0.02])][
                rng.integers(3)
            ]
            texture = (np.tile(color, (64, 64, 1)) * (1 + 0.03 * rng.normal(size=(64, 64, 1)))).astype(np.float32)
        else:
            texture = cloth_texture(rng)
        return self.shell(skin, inside, rng.uniform(0.03, 0.06), int(rng.integers(8, 40)), texture, "mask")

    def hand(self, base: np.ndarray, target: np.ndarray, normal: np.ndarray, texture: np.ndarray, scale: float,
             rng: Generator) -> Item:  # fmt: skip
        """Return a hand that touches the face.

        Args:
            base: (V, 3), vertices of the average base mesh.
            target: (3,), the place that it touches.
            normal: (3,), direction away from the face.
            texture: The skin's texture.
            scale: Size of the head, 1 for an adult.
            rng: Random numbers.
        """
        hand = self.assets.hand_matrix @ base
        wrist = base[self.assets.joints["r-hand"]].mean(0)
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
        wanted = np.stack([upwards, np.cross(back, upwards), back])
        vertices = (hand - palm) @ source.T @ wanted * scale * rng.uniform(0.85, 1.1)
        near = vertices[(hand - wrist) @ along > 0.1] @ normal
        vertices = vertices + target + normal * (rng.uniform(-0.02, 0.15) - np.quantile(near, 0.03))
        triangles = self.assets.hand_triangles
        return Item("hand", vertices, triangles, self.assets.hand_uv, texture, 0.15)


def grid_item(kind: str, points: np.ndarray, texture: np.ndarray, specular: float = 0.05) -> Item:
    """Return a surface through a grid of points (A, B, 3)."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    triangles = np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3).astype(np.int32)
    v, u = np.mgrid[:rows, :columns]
    places = np.stack([u / max(1, columns - 1), v / max(1, rows - 1)], 2).reshape(-1, 2).astype(np.float32)
    return Item(kind, points.reshape(-1, 3), triangles, np.ascontiguousarray(places[triangles]), texture, specular)


def tube_item(kind: str, line: np.ndarray, radius: float, texture: np.ndarray) -> Item:
    """Return a tube along a line of points (N, 3)."""
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.cross(along, [0.0, 0.3, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    other = np.cross(along, across)
    angles = np.linspace(0, 2 * np.pi, 9)
    points = line[:, None] + radius * (
        np.cos(angles)[None, :, None] * across[:, None] + np.sin(angles)[None, :, None] * other[:, None]
    )
    return grid_item(kind, points, texture, 0.6)


def thing(target: np.ndarray, normal: np.ndarray, texture: np.ndarray, rng: Generator) -> Item:
    """Return a cup, a board, a ball or a rod before the face."""
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
        lift = np.linspace(-np.pi / 2, np.pi / 2, 17)
        points = rng.uniform(0.15, 0.5) * np.stack(
            [
                np.outer(np.cos(lift), np.cos(angles)),
                np.outer(np.sin(lift), np.ones(33)),
                np.outer(np.cos(lift), np.sin(angles)),
            ],
            2,
        )
    else:  # a rod
        radius = rng.uniform(0.04, 0.15)
        ring = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], 1)
        points = radius * ring[None] + np.array([0, 3.0, 0]) * np.linspace(-1, 0.05, 17)[:, None, None]
    rotation = Rotation.from_euler("ZYX", rng.normal(0, [50, 25, 25]), degrees=True)
    points = rotation.apply(points.reshape(-1, 3)).reshape(points.shape)
    reach = -(points @ normal).min()
    return grid_item(
        "thing", points + target + normal * (reach + rng.uniform(0.02, 0.5)), texture, rng.uniform(0.02, 0.7)
    )
