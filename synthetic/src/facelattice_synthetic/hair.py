"""Hair as layers over the skin: MakeHuman's styles, short hair, beards, brows and lashes."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import Assets, Part
from facelattice_synthetic.config import Config
from facelattice_synthetic.head import Person
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.noise import to_linear
from facelattice_synthetic.pose import Pose
from facelattice_synthetic.scene import Layer
from facelattice_synthetic.skin import beard_mask

HIDING_LENGTH = 0.1
"""Shorter hair and beards, in decimeters, hide no landmarks, as they follow the shape of the face."""
LONG_STYLES = {"bob02", "long01"}
"""MakeHuman's styles that women have more often."""
LASH_COLOR = np.array([0.006, 0.005, 0.005])  # linear
COLORS = {  # linear
    "black": (0.012, 0.010, 0.009), "dark brown": (0.035, 0.02, 0.012), "brown": (0.09, 0.05, 0.028),
    "light brown": (0.16, 0.105, 0.065), "blond": (0.4, 0.29, 0.17), "red": (0.2, 0.06, 0.025),
    "gray": (0.28, 0.27, 0.26), "white": (0.65, 0.63, 0.6),
}  # fmt: skip


def sample_hair_color(age: float, groups: np.ndarray, rng: Generator) -> np.ndarray:
    """Draw the color of hair (3,), linear.

    Args:
        age: As in `Person`.
        groups: As in `Person`.
        rng: Random numbers.
    """
    if rng.random() < np.clip((age - 0.62) * 2.2, 0, 0.85):
        names = ["gray", "white", "gray"]
    elif rng.random() < groups[2]:
        names = ["black", "dark brown", "brown", "light brown", "blond", "blond", "red"]
    else:
        names = ["black", "black", "dark brown", "brown"]
    color = np.array(COLORS[names[rng.integers(len(names))]])
    if rng.random() < 0.02:
        color = rng.uniform(0.02, 0.5, 3)
    return np.asarray(color * np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.06, 3)))


def sample_brows_and_lashes(
    assets: Assets, base: np.ndarray, brows: np.ndarray, brow_name: str, color: np.ndarray, person: Person, pose: Pose,
    rng: Generator,
) -> list[Layer]:  # fmt: skip
    """Draw eyebrows and eyelashes. They don't hide landmarks.

    Args:
        assets: The 3D assets.
        base: (V, 3), vertices of the base mesh.
        brows: (B, 3), vertices of the brows.
        brow_name: Name of the brows.
        color: (3,), linear color of the hair.
        person: Women have stronger lashes.
        pose: Places them before the camera.
        rng: Random numbers.
    """
    names = sorted(assets.lashes)
    lashes = assets.lashes[names[rng.integers(len(names))]]
    lash_opacity = rng.uniform(0.5, 1) if person.male < 0.5 else rng.uniform(0.15, 0.5)
    brow_color = np.minimum(color * rng.uniform(0.4, 1), 0.12)
    brow_opacity = rng.uniform(0.45, 1)
    return [
        Layer(pose.apply(vertices), part.triangles, part.uv, _tint(part, tint), np.full(len(vertices), opacity), bias,
              hides=False, casts_shadow=False)
        for part, vertices, tint, opacity, bias in (
            (assets.brows[brow_name], brows, brow_color, brow_opacity, 0.01),
            (lashes, lashes.proxy.fit(base), LASH_COLOR, lash_opacity, 0.001),
        )
    ]  # fmt: skip


def sample_hair(
    assets: Assets, base: np.ndarray, average: np.ndarray, person: Person, color: np.ndarray, hair_height: float,
    pose: Pose, config: Config, rng: Generator,
) -> list[Layer]:  # fmt: skip
    """Draw a beard, short hair and one of MakeHuman's styles.

    Args:
        assets: The 3D assets.
        base: (V, 3), vertices of the base mesh.
        average: (V, 3), vertices of the average base mesh.
        person: Sets the probability of beards and styles.
        color: (3,), linear.
        hair_height: Height on the average head below which hair is visible.
        pose: Places the hair before the camera.
        config: Probabilities.
        rng: Random numbers.
    """
    skin, rest = assets.skin_matrix @ base, assets.skin_matrix @ average
    normals = vertex_normals(skin, assets.skin_triangles)
    down = pose.head.inv().apply([0.0, -1, 0])
    no_hat, all_hidden = hair_height == math.inf, hair_height == -math.inf
    layers = []
    if person.male > 0.5 and person.age > 0.42 and rng.random() < config.beard:
        layers += _sample_beard(assets, skin, normals, rest, color, down, rng)
    short = rng.random() < (0.3 if person.male > 0.5 else 0.06)
    if rng.random() < config.hair and not all_hidden:
        mask = _scalp_mask(rest, rng.uniform(7.85, 8.1) + 0.12 * max(0, person.age - 0.6) * person.male)
        mask = mask * (rest[:, 1] < hair_height)
        length = np.full(len(skin), rng.uniform(0.02, 0.14) if short else 0.05)
        layers += _fur_layers(skin, normals, assets.skin_triangles, assets.skin_uv, mask, length, rng.uniform(0.5, 1),
                              color, 0.3 * down, int(rng.integers(2**31)))  # fmt: skip
    for layer in layers:
        layer.vertices = pose.apply(layer.vertices, rest)
        layer.normals = pose.apply_to_directions(normals)
    if not short and not all_hidden and rng.random() < config.hair:
        names = sorted(assets.hair)
        weights = np.array([1.0 if (name in LONG_STYLES) == (person.male < 0.5) else 0.3 for name in names])
        part = assets.hair[names[rng.choice(len(names), p=weights / weights.sum())]]
        part_rest = part.proxy.fit(average)
        # Under a hat, hair before the forehead is left out.
        keep = (part_rest[:, 1] < hair_height) & (no_hat | (part_rest[:, 2] < 0.95))
        layers.append(_style_layer(part, pose.apply(part.proxy.fit(base), part_rest), color, keep))
    return layers


def _style_layer(part: Part, vertices: np.ndarray, color: np.ndarray, keep: np.ndarray) -> Layer:
    """Return one of MakeHuman's styles.

    Args:
        part: The style.
        vertices: (V, 3), its vertices before the camera.
        color: (3,), linear.
        keep: bool (V,), vertices that are drawn.
    """
    texture = _tint(part, color)
    kept = keep[part.triangles].all(1)
    triangles, uv = part.triangles[kept], part.uv[kept]
    center = vertices.mean(0)
    outwards = vertices - center
    distance = np.linalg.norm(outwards, axis=1)
    shade = np.clip(0.35 + 0.65 * distance / np.percentile(distance, 85), 0.3, 1.1)
    normals = outwards / np.maximum(distance[:, None], 1e-6)
    return Layer(vertices, np.ascontiguousarray(triangles), np.ascontiguousarray(uv), texture, np.ones(len(vertices)),
                 shade=shade, normals=normals)  # fmt: skip


def _tint(part: Part, color: np.ndarray) -> np.ndarray:
    """Return the texture of a part in another color, with opacity; its brightness varies as in MakeHuman's."""
    gray, alpha = _gray(part.texture.tobytes(), part.texture.shape)
    return np.ascontiguousarray(np.concatenate([gray[..., None] * color.astype(np.float32), alpha[..., None]], 2))


@lru_cache(maxsize=64)
def _gray(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return brightness, around 1, and opacity of an RGBA texture: float32 (H, W) each."""
    image = np.frombuffer(data, np.uint8).reshape(shape)
    gray, alpha = to_linear(image[..., :3]).mean(2), image[..., 3].astype(np.float32) / 255
    mean = float((gray * alpha).sum() / max(1e-6, alpha.sum()))
    return np.clip(0.35 + 0.65 * gray / max(mean, 1e-3), 0.15, 3).astype(np.float32), alpha


def _scalp_mask(rest: np.ndarray, hairline: float) -> np.ndarray:
    """Return the density of hair at places on the average head (..., 3): 0 to 1.

    Args:
        rest: The places.
        hairline: Height of the hairline over the forehead.
    """
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    edge = np.interp(z, [-0.2, 0.2, 0.5, 0.62, 0.85, 1.1, 1.3], [6.75, 6.95, 7.15, 7.25, 7.65, 0, 0])
    edge = np.where(z > 0.85, hairline - 0.25 * np.clip(x - 0.25, 0, 1) * (x < 0.5), edge)
    edge = np.where((z > 0.7) & (z <= 0.85), np.maximum(edge, hairline - 0.4), edge)
    ear = (x > 0.71) & (y < 7.45)
    return np.asarray(np.clip((y - edge) / 0.06, 0, 1) * ~ear)


def _fur_layers(
    skin: np.ndarray, normals: np.ndarray, triangles: np.ndarray, uv: np.ndarray, mask: np.ndarray, length: np.ndarray,
    density: float, color: np.ndarray, droop: np.ndarray, seed: int,
) -> list[Layer]:  # fmt: skip
    """Return short hair as layers over the skin, each with fewer hairs than the one below.

    Args:
        skin: (V, 3), vertices of the skin in the coordinates of the head.
        normals: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        mask: (V,), density of hair by place, 0 to 1.
        length: (V,), in decimeters.
        density: Density of all hair, 0 to 1.
        color: (3,), linear.
        droop: (3,), displacement of the tips by gravity, relative to the length.
        seed: For the noise.
    """
    grows = (mask[triangles] > 0.02).any(1)
    triangles, uv = np.ascontiguousarray(triangles[grows]), np.ascontiguousarray(uv[grows] * np.float32(7))
    rng = np.random.default_rng(seed)
    size = 256
    # Hairs are longer than wide; on the face and the back of the head, down is along u.
    height = cv2.resize(
        rng.normal(size=(size, size // 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC
    )
    height = np.argsort(np.argsort(height.ravel())).reshape(size, size).astype(np.float32) / size**2
    brightness = np.clip(1 + 0.2 * cv2.resize(rng.normal(size=(size, 32)), (size, size)), 0.4, 1.8)
    layers = []
    count = int(np.clip(length.max() / 0.012, 3, 12))
    for k in range(count):
        share = (k + 1) / count
        alpha = np.clip((height - share * (1 - 0.75 * density)) * 6 + 0.4, 0, 1) * (0.35 + 0.65 * density)
        texture = np.concatenate([brightness[..., None] * color, alpha[..., None]], 2).astype(np.float32)
        vertices = skin + share * (normals + droop * share) * (length * np.clip(mask, 0.15, 1))[:, None]
        shade = np.full(len(skin), 0.5 + 0.6 * share)
        layers.append(Layer(vertices, triangles, uv, np.ascontiguousarray(texture), np.clip(mask, 0, 1), shade=shade,
                            hides=bool(length.max() * share > HIDING_LENGTH), normals=normals,
                            casts_shadow=False))  # fmt: skip
    return layers


def _sample_beard(
    assets: Assets, skin: np.ndarray, normals: np.ndarray, rest: np.ndarray, color: np.ndarray, down: np.ndarray,
    rng: Generator,
) -> list[Layer]:  # fmt: skip
    """Draw a beard: full, a goatee, or a moustache.

    Args:
        assets: The 3D assets.
        skin: (V, 3), vertices of the skin in the coordinates of the head.
        normals: (V, 3).
        rest: (V, 3), the skin of the average head.
        color: (3,), linear.
        down: (3,), unit direction downwards.
        rng: Random numbers.
    """
    mask = beard_mask(rest)
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    kind = rng.integers(4)
    if kind == 1:
        mask = mask * np.clip((0.3 - x) / 0.06, 0, 1)
    elif kind == 2:
        mask = mask * np.clip((y - 6.66) / 0.03, 0, 1) * np.clip((0.3 - x) / 0.05, 0, 1)
    length = float(np.exp(rng.uniform(np.log(0.03), np.log(0.28))))
    if kind == 2:
        length = min(length, 0.08)
    droop = rng.uniform(0.2, 1.2) * down
    # Around the mouth a beard is short.
    mouth = np.exp(-0.5 * ((x / 0.28) ** 4 + ((y - 6.72) / 0.14) ** 4))
    lengths = np.minimum(length, length * (1 - mouth) + 0.04 * mouth)
    return _fur_layers(skin, normals, assets.skin_triangles, assets.skin_uv, mask, lengths, rng.uniform(0.45, 1), color,
                       droop, int(rng.integers(2**31)))  # fmt: skip
