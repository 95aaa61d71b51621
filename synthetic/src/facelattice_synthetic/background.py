"""Backgrounds: panoramas, free pictures, and procedural ones."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import AssetError
from facelattice_synthetic.config import Config
from facelattice_synthetic.noise import cloth_texture, fractal_noise, to_linear
from facelattice_synthetic.panorama import PanoramaView

PICTURES = ("brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
            "retina.jpg", "rocket.jpg", "clock_motion.png", "horse.png")  # fmt: skip
"""Pictures in the wheel of scikit-image that are free for any use and show no face."""


def sample_background(size: int, view: PanoramaView | None, config: Config, rng: Generator) -> np.ndarray:
    """Draw a background, in front of a panorama the view of it: float32 (size, size, 3), linear color."""
    if view is not None:
        image = view.image(size) * np.exp(rng.normal(0, 0.4))
    else:
        image = (_sample_picture if rng.random() < config.photo_background else _sample_procedural)(size, rng)
    image = np.clip(np.asarray(image, np.float32), 0, 4)
    if rng.random() < 0.75:
        sigma = float(np.exp(rng.uniform(np.log(0.5), np.log(size / 20))))
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    return image


@lru_cache(maxsize=1)
def load_pictures() -> list[np.ndarray]:
    """Return scikit-image's pictures as float32 in linear color, 256 px high."""
    spec = find_spec("skimage")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else Path()
    pictures = []
    for name in PICTURES:
        image = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        if image is None:
            raise AssetError(f"{folder / name}: not an image; pip install scikit-image")
        height, width = image.shape[:2]
        small = cv2.resize(image, (max(256, round(256 * width / height)), 256), interpolation=cv2.INTER_AREA)
        pictures.append(to_linear(small[..., ::-1]))
    return pictures


def _sample_picture(size: int, rng: Generator) -> np.ndarray:
    """Draw a square out of a picture, in another tint: (size, size, 3), linear color."""
    pictures = load_pictures()
    picture = pictures[rng.integers(len(pictures))]
    height, width = picture.shape[:2]
    side = int(rng.uniform(0.4, 1) * min(height, width))
    y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    image = cv2.resize(picture[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_CUBIC)
    image = image[:, ::-1] if rng.random() < 0.5 else image
    return np.asarray(np.clip(image, 0, 1) * np.exp(rng.normal(0, 0.2, 3)))


def _sample_procedural(size: int, rng: Generator) -> np.ndarray:
    """Draw a plain color with a gradient, and often shapes, noise or cloth: (size, size, 3), linear color."""
    shape = (size, size)
    image = np.exp(rng.normal(-1.6, 0.8)) * np.exp(rng.normal(0, 0.25, 3)) * np.ones((*shape, 3))
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    image = image * np.exp(rng.normal(0, 0.6) * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
    kind = rng.random()
    if kind < 0.45:
        image = _draw_shapes(image, rng)
    elif kind < 0.7:
        noise = np.stack([fractal_noise(shape, int(rng.integers(2, 12)), rng) for _ in range(3)], 2)
        image = image * np.exp(rng.uniform(0.2, 0.9) * (0.7 * noise[..., :1] + 0.3 * noise))
    elif kind < 0.8:
        image = cv2.resize(np.tile(cloth_texture(rng), (2, 2, 1)), shape, interpolation=cv2.INTER_LINEAR)
    return np.asarray(image)


def _draw_shapes(image: np.ndarray, rng: Generator) -> np.ndarray:
    """Draw rectangles and circles of all sizes, such as a street or a room out of focus has."""
    size = len(image)
    for _ in range(rng.integers(4, 22)):
        color = np.exp(rng.normal(-1.6, 1.0)) * np.exp(rng.normal(0, 0.35, 3))
        center, half = rng.uniform(-0.1, 1.1, 2) * size, np.exp(rng.normal(-2.2, 0.7, 2)) * size
        box = cv2.boxPoints((tuple(center), tuple(2 * half), float(rng.choice([0, 0, 90, rng.uniform(0, 180)]))))
        mask = np.zeros((size, size), np.uint8)
        if rng.random() < 0.7:
            cv2.fillPoly(mask, [box.astype(np.int32)], 1)
        else:
            cv2.circle(mask, (int(center[0]), int(center[1])), int(half.min()), 1, -1)
        image = np.where(mask[..., None] > 0, color, image)
    return image
