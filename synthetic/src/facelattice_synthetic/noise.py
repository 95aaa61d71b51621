"""Random textures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator


def smooth_noise(shape: tuple[int, int], cells: int, rng: Generator) -> np.ndarray:
    """Draw noise with a given number of cells across, mean 0 and deviation of about 1: float32 of the shape."""
    height, width = shape
    small = rng.normal(size=(max(2, cells * height // width), max(2, cells))).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def fractal_noise(
    shape: tuple[int, int], cells: int, rng: Generator, octaves: int = 4, fall: float = 0.5
) -> np.ndarray:
    """Draw a sum of noises, each twice as fine and weaker: float32 of the shape, deviation of about 1."""
    total = sum(fall**k * smooth_noise(shape, min(cells * 2**k, shape[1]), rng) for k in range(octaves))
    return np.asarray(total / np.sqrt(sum(fall ** (2 * k) for k in range(octaves))), np.float32)


def cloth_texture(rng: Generator, size: int = 128) -> np.ndarray:
    """Draw a cloth in linear color: plain, striped, checked, dotted or printed; float32 (size, size, 3)."""
    base = rng.uniform(0.02, 0.7) * (0.35 + 0.65 * rng.random(3))
    other = rng.uniform(0.02, 0.8) * (0.35 + 0.65 * rng.random(3))
    y, x = np.mgrid[:size, :size] / size * 2 * np.pi
    kind, count = rng.integers(6), rng.integers(2, 12)
    if kind == 0:
        share = (np.sin(count * y) > rng.uniform(-0.5, 0.8)).astype(float)
    elif kind == 1:
        share = ((np.sin(count * y) > 0.3) * 0.5 + (np.sin(count * x) > 0.3) * 0.5).astype(float)
    elif kind == 2:
        share = (np.sin(count * x) * np.sin(count * y) > 0.5).astype(float)
    elif kind == 3:
        share = np.clip(fractal_noise((size, size), 4, rng) * 2 + 0.5, 0, 1)
    else:
        share = np.zeros((size, size))
    weave = (
        1 + rng.uniform(0.02, 0.12) * rng.normal(size=(size, size)) + 0.06 * np.sin(size / 4 * x) * np.sin(size / 4 * y)
    )
    color = base + (other - base) * share[..., None]
    return np.clip(color * weave[..., None], 0.003, 0.9).astype(np.float32)


def to_linear(image: np.ndarray) -> np.ndarray:
    """Return the linear color of an sRGB image in 0 to 255, as float32."""
    return (np.asarray(image, np.float32) / 255) ** np.float32(2.2)
