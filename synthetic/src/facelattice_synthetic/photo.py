"""Simulation of a camera on a linear image: exposure, blur, loss of resolution, noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.config import Config
from facelattice_synthetic.noise import smooth_noise


def expose(linear: np.ndarray, face: np.ndarray, config: Config, rng: Generator) -> np.ndarray:
    """Return the exposed image without blur and noise: float32 (S, S, 3) in 0 to 1, not linear.

    Args:
        linear: float32 (S, S, 3), linear color.
        face: bool (S, S), pixels of the face, whose brightness sets the exposure.
        config: Probabilities.
        rng: Random numbers.
    """
    level = float(np.percentile(linear[face].mean(1), 75)) if face.any() else 0.5
    # Dark skin stays darker than light skin.
    wanted = 0.42 * np.clip(level / 0.35, 0.05, 1.3) ** 0.35 * np.exp(rng.normal(0, 0.22))
    if rng.random() < config.dark:
        wanted *= np.exp(rng.uniform(-2.6, -0.8))
    image = linear * (wanted / max(level, 1e-4))
    image = image * (1 + 0.12 * image) / (1 + 0.55 * image**1.2) * 1.15  # compresses the highlights
    image = np.clip(image, 0, 1) ** (1 / 2.2)
    contrast, saturation = np.exp(rng.normal(0, 0.12)), np.exp(rng.normal(0, 0.13))
    gray = image.mean(2, keepdims=True)
    image = gray + (image - gray) * (0 if rng.random() < config.gray else saturation)
    image = 0.45 + (image - 0.45) * contrast + rng.normal(0, 0.015, 3)
    return np.clip(image, 0, 1).astype(np.float32)


def degrade(image: np.ndarray, config: Config, rng: Generator) -> np.ndarray:
    """Return the image with defocus, motion blur, loss of resolution and noise: uint8 (S, S, 3).

    Args:
        image: float32 (S, S, 3) in 0 to 1, not linear.
        config: Probabilities.
        rng: Random numbers.
    """
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
        image = cv2.resize(image, (small, small), interpolation=kind)
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.2:  # vignetting
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
