"""Hair: MakeHuman's styles, short hair and beards as layers over the skin, brows and lashes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import Assets, Part
from facelattice_synthetic.noise import to_linear
from facelattice_synthetic.scene import Layer
from facelattice_synthetic.skin import beard_mask

HIDING_LENGTH = 0.1
"""Short hair and beards under this length, in decimeters, hide no landmarks: annotators see the face's shape."""
COLORS = {  # linear
    "black": (0.012, 0.010, 0.009), "dark brown": (0.035, 0.02, 0.012), "brown": (0.09, 0.05, 0.028),
    "light brown": (0.16, 0.105, 0.065), "blond": (0.4, 0.29, 0.17), "red": (0.2, 0.06, 0.025),
    "gray": (0.28, 0.27, 0.26), "white": (0.65, 0.63, 0.6),
}  # fmt: skip


def sample_color(age: float, groups: np.ndarray, rng: Generator) -> np.ndarray:
    """Draw a color of hair."""
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


def hair_layer(part: Part, vertices: np.ndarray, color: np.ndarray, keep: np.ndarray | None = None) -> Layer:
    """Return one of MakeHuman's styles.

    Args:
        part: The style.
        vertices: (V, 3), its vertices before the camera.
        color: (3,), linear.
        keep: bool (V,), vertices that are drawn; None draws all.
    """
    texture = tinted(part, color)
    triangles, uv = part.triangles, part.uv
    if keep is not None:
        kept = keep[triangles].all(1)
        triangles, uv = triangles[kept], uv[kept]
    center = vertices.mean(0)
    outwards = vertices - center
    distance = np.linalg.norm(outwards, axis=1)
    shade = np.clip(0.35 + 0.65 * distance / np.percentile(distance, 85), 0.3, 1.1)
    normals = outwards / np.maximum(distance[:, None], 1e-6)
    return Layer(vertices, np.ascontiguousarray(triangles), np.ascontiguousarray(uv), texture, np.ones(len(vertices)),
                 shade=shade, normals=normals)  # fmt: skip


def tinted(part: Part, color: np.ndarray) -> np.ndarray:
    """Return the texture of hair in another color: its brightness varies as in MakeHuman's."""
    gray, alpha = _gray(part.texture.tobytes(), part.texture.shape)
    return np.ascontiguousarray(np.concatenate([gray[..., None] * color.astype(np.float32), alpha[..., None]], 2))


@lru_cache(maxsize=64)
def _gray(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    image = np.frombuffer(data, np.uint8).reshape(shape)
    gray, alpha = to_linear(image[..., :3]).mean(2), image[..., 3].astype(np.float32) / 255
    mean = float((gray * alpha).sum() / max(1e-6, alpha.sum()))
    return np.clip(0.35 + 0.65 * gray / max(mean, 1e-3), 0.15, 3).astype(np.float32), alpha


def brow_layer(part: Part, vertices: np.ndarray, color: np.ndarray, strength: float) -> Layer:
    """Return eyebrows; they don't hide landmarks."""
    texture = tinted(part, color)
    return Layer(vertices, part.triangles, part.uv, texture, np.full(len(vertices), strength), bias=0.01, hides=False,
                 casts_shadow=False)  # fmt: skip


def lash_layer(part: Part, vertices: np.ndarray, strength: float) -> Layer:
    """Return eyelashes; they don't hide landmarks."""
    texture = tinted(part, np.array([0.006, 0.005, 0.005]))
    return Layer(vertices, part.triangles, part.uv, texture, np.full(len(vertices), strength), bias=0.001, hides=False,
                 casts_shadow=False)  # fmt: skip


def scalp_mask(rest: np.ndarray, hairline: float) -> np.ndarray:
    """Return how much hair grows at places on the average head (..., 3): 0 to 1.

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


def fur_layers(
    skin: np.ndarray, normals: np.ndarray, triangles: np.ndarray, uv: np.ndarray, mask: np.ndarray, length: np.ndarray,
    density: float, color: np.ndarray, droop: np.ndarray, seed: int,
) -> list[Layer]:  # fmt: skip
    """Return short hair as layers over the skin, each with fewer dots than the one below.

    Args:
        skin: (V, 3), vertices of the skin before the camera.
        normals: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        mask: (V,), where hair grows.
        length: (V,), in decimeters.
        density: 0 to 1.
        color: (3,), linear.
        droop: (3,), where the tips hang to, relative to the length.
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


def beard_layers(
    assets: Assets, skin: np.ndarray, normals: np.ndarray, rest: np.ndarray, color: np.ndarray, down: np.ndarray,
    rng: Generator,
) -> list[Layer]:  # fmt: skip
    """Draw a beard: full, a goatee, or a moustache."""
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
    # Around the mouth it is kept short.
    mouth = np.exp(-0.5 * ((x / 0.28) ** 4 + ((y - 6.72) / 0.14) ** 4))
    lengths = np.minimum(length, length * (1 - mouth) + 0.04 * mouth)
    return fur_layers(skin, normals, assets.skin_triangles, assets.skin_uv, mask, lengths, rng.uniform(0.45, 1), color,
                      droop, int(rng.integers(2**31)))  # fmt: skip
