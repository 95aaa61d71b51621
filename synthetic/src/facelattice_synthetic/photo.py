"""Light of the surroundings, backgrounds, and what a camera does to an image."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import AssetError
from facelattice_synthetic.config import Config
from facelattice_synthetic.noise import cloth_texture, fractal_noise, smooth_noise, to_linear
from facelattice_synthetic.scene import Light, Lights, sample_direction

PICTURES = ("brick.png", "chelsea.png", "coffee.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
            "retina.jpg", "rocket.jpg", "clock_motion.png", "horse.png")  # fmt: skip
"""Pictures in the wheel of scikit-image that are free for any use and show no face."""


def sample_lights(config: Config, rng: Generator) -> Lights:
    """Draw the lights."""
    hard = rng.random() < config.hard_light
    warm = rng.normal(0, 0.09)
    white = np.exp(np.array([warm, 0, -warm]))
    if rng.random() < config.colored_light:
        white = white * np.exp(rng.normal(0, 0.5, 3))
    ratio = rng.uniform(1.2, 6) if hard else rng.uniform(0.2, 1.5)
    key = Light(sample_direction(rng, 0.9), white * ratio, rng.uniform(0, 0.25) if hard else rng.uniform(0.25, 1.1))
    lights = [key]
    for _ in range(rng.integers(0, 3)):
        color = np.exp(rng.normal(0, 0.15, 3)) * rng.uniform(0.1, 0.6)
        lights.append(Light(sample_direction(rng, 1.5), color, rng.uniform(0.4, 1)))
    if rng.random() < 0.15:  # from behind
        direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.4, 1), -rng.uniform(0, 0.6), rng.uniform(0.3, 1)])
        lights.append(Light(direction / np.linalg.norm(direction), white * rng.uniform(0.5, 3), 0.3))
    sky = np.exp(rng.normal(0, 0.12, 3) + np.array([-warm / 2, 0, warm / 2])) * rng.uniform(0.35, 0.8)
    ground = np.exp(rng.normal(0, 0.2, 3)) * rng.uniform(0.12, 0.5)
    return Lights(lights, sky, ground)


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


def sample_background(size: int, config: Config, rng: Generator) -> np.ndarray:
    """Draw a background: float32 (size, size, 3), linear."""
    shape = (size, size)
    if rng.random() < config.photo_background:
        pictures = load_pictures()
        picture = pictures[rng.integers(len(pictures))]
        height, width = picture.shape[:2]
        side = int(rng.uniform(0.4, 1) * min(height, width))
        y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        image = cv2.resize(picture[y : y + side, x : x + side], shape, interpolation=cv2.INTER_CUBIC)
        image = image[:, ::-1] if rng.random() < 0.5 else image
        image = np.clip(image, 0, 1) * np.exp(rng.normal(0, 0.2, 3))
    else:
        image = np.exp(rng.normal(-1.6, 0.8)) * np.exp(rng.normal(0, 0.25, 3)) * np.ones((*shape, 3))
        y, x = np.mgrid[:size, :size] / size - 0.5
        angle = rng.uniform(0, 2 * np.pi)
        image = image * np.exp(rng.normal(0, 0.6) * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
        kind = rng.random()
        if kind < 0.45:  # a street or a room out of focus: shapes of all sizes
            for _ in range(rng.integers(4, 22)):
                color = np.exp(rng.normal(-1.6, 1.0)) * np.exp(rng.normal(0, 0.35, 3))
                center, half = rng.uniform(-0.1, 1.1, 2) * size, np.exp(rng.normal(-2.2, 0.7, 2)) * size
                box = cv2.boxPoints(
                    (tuple(center), tuple(2 * half), float(rng.choice([0, 0, 90, rng.uniform(0, 180)])))
                )
                layer = np.zeros(shape, np.uint8)
                if rng.random() < 0.7:
                    cv2.fillPoly(layer, [box.astype(np.int32)], 1)
                else:
                    cv2.circle(layer, (int(center[0]), int(center[1])), int(half.min()), 1, -1)
                image = np.where(layer[..., None] > 0, color, image)
        elif kind < 0.7:
            noise = np.stack([fractal_noise(shape, int(rng.integers(2, 12)), rng) for _ in range(3)], 2)
            image = image * np.exp(rng.uniform(0.2, 0.9) * (0.7 * noise[..., :1] + 0.3 * noise))
        elif kind < 0.8:
            tile = cloth_texture(rng)
            image = cv2.resize(np.tile(tile, (2, 2, 1)), shape, interpolation=cv2.INTER_LINEAR)
    image = np.clip(np.asarray(image, np.float32), 0, 4)
    if rng.random() < 0.75:
        image = cv2.GaussianBlur(image, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(size / 20)))))
    return image


def expose(linear: np.ndarray, face: np.ndarray, config: Config, rng: Generator) -> np.ndarray:
    """Return the image as the camera sees it before its errors: float32 in 0 to 1, not linear.

    Args:
        linear: float32 (S, S, 3).
        face: bool (S, S), the face, whose brightness sets the exposure.
        config: Probabilities.
        rng: Random numbers.
    """
    level = float(np.percentile(linear[face].mean(1), 75)) if face.any() else 0.5
    # Dark skin stays darker than light skin.
    wanted = 0.42 * np.clip(level / 0.35, 0.05, 1.3) ** 0.35 * np.exp(rng.normal(0, 0.22))
    if rng.random() < config.dark:
        wanted *= np.exp(rng.uniform(-2.6, -0.8))
    image = linear * (wanted / max(level, 1e-4))
    image = image * (1 + 0.12 * image) / (1 + 0.55 * image**1.2) * 1.15  # a shoulder at the bright end
    image = np.clip(image, 0, 1) ** (1 / 2.2)
    contrast, saturation = np.exp(rng.normal(0, 0.12)), np.exp(rng.normal(0, 0.13))
    gray = image.mean(2, keepdims=True)
    image = gray + (image - gray) * (0 if rng.random() < config.gray else saturation)
    image = 0.45 + (image - 0.45) * contrast + rng.normal(0, 0.015, 3)
    return np.clip(image, 0, 1).astype(np.float32)


def spoil(image: np.ndarray, config: Config, rng: Generator) -> np.ndarray:
    """Return the image after defocus, motion, loss of resolution and noise: uint8 (S, S, 3)."""
    size = image.shape[0]
    if rng.random() < config.defocus:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, size / 110)))
    if rng.random() < config.motion_blur:
        length = int(rng.integers(3, max(4, size // 18)))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        end = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        cv2.line(kernel, tuple(int(v) for v in length / 2 - end), tuple(int(v) for v in length / 2 + end), 1)
        image = cv2.filter2D(image, -1, kernel / max(1, kernel.sum()))
    if rng.random() < config.low_resolution:
        small = int(size / np.exp(rng.uniform(np.log(1.2), np.log(4.5))))
        kind = [cv2.INTER_AREA, cv2.INTER_LINEAR][rng.integers(2)]
        image = cv2.resize(
            cv2.resize(image, (small, small), interpolation=kind), (size, size), interpolation=cv2.INTER_CUBIC
        )
    if rng.random() < 0.2:
        y, x = np.mgrid[:size, :size] / size - 0.5
        image = image * (1 - rng.uniform(0.2, 1.0) * (x**2 + y**2))[..., None]
    noise = np.exp(rng.uniform(np.log(0.002), np.log(0.05)))
    grain = rng.normal(size=image.shape).astype(np.float32)
    grain = 0.6 * grain + 0.4 * grain.mean(2, keepdims=True)
    if rng.random() < 0.3:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 1.6
    image = image + noise * grain + 0.01 * smooth_noise((size, size), 3, rng)[..., None]
    if rng.random() < 0.25:  # sharpening by the camera
        image = image + rng.uniform(0.3, 1.2) * (image - cv2.GaussianBlur(image, (0, 0), 1.0))
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
