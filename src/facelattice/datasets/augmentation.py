"""What training does to a face: where the crop is cut, light and blur, and things in front of it.

Every random number comes from the ``rng`` (numpy Generator) that is handed in, so a sample is the same wherever and
whenever it is made. Photometric changes are torchvision's; their parameters are drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as V

from facelattice import geometry


@dataclass
class AugmentationConfig:
    """How much of each change. Angles in degrees, sizes as a share of the face box, the rest probabilities, 0 for
    never.

    rotation, scale, shift: the crop is turned by up to +-rotation, made up to exp(+-scale) times as large and moved by
    up to +-shift: also what an inexact detector does to a box.
    occlusion: probability of a first patch in front of the face; a second comes with half of it. ``patch`` is the
    largest side of a patch as a share of the crop, ``flat_patches`` leaves only the paper's one flat rectangle.
    worn: probability of sunglasses, a mask or a hand, drawn where they belong (`worn.draw_accessory`).
    background: share of crops taken beside the face, which teach the expected error what no face looks like.
    """

    rotation: float = 30.0
    scale: float = 0.15
    shift: float = 0.07
    mirror: bool = True
    color: float = 0.5
    gray: float = 0.1
    dark: float = 0.25
    blur: float = 0.15
    low_resolution: float = 0.2
    noise: float = 0.15
    jpeg: float = 0.2
    occlusion: float = 0.5
    patch: float = 0.6
    flat_patches: bool = False
    worn: float = 0.3
    background: float = 0.03


def random_crop_transform(box: np.ndarray, size: int, margin: float, augment: AugmentationConfig, rng: Generator) -> tuple[np.ndarray, bool]:
    """The one affine warp of a sample: box noise, rotation, scale and mirror. Returns the (2, 3) matrix and
    ``mirrored``."""
    side = geometry.box_side(box)
    center = geometry.box_center(box) + rng.uniform(-augment.shift, augment.shift, 2) * side
    side *= math.exp(rng.uniform(-augment.scale, augment.scale))
    rotation = rng.uniform(-augment.rotation, augment.rotation)
    mirrored = bool(augment.mirror and rng.random() < 0.5)
    return geometry.crop_transform(geometry.square_box(center, side), size, margin, rotation, mirrored), mirrored


def augment_colors(crop: Tensor, augment: AugmentationConfig, rng: Generator) -> Tensor:
    """Color, light, blur, resolution, noise and compression of a crop, uint8 (3, S, S)."""
    size = crop.shape[-1]
    if rng.random() < augment.color:
        crop = V.adjust_brightness(crop, rng.uniform(0.6, 1.4))
        crop = V.adjust_contrast(crop, rng.uniform(0.6, 1.4))
        crop = V.adjust_saturation(crop, rng.uniform(0.3, 1.6))
    if rng.random() < augment.dark:
        crop = V.adjust_gamma(crop, math.exp(rng.uniform(-0.8, 1.0)))
    if rng.random() < augment.gray:
        crop = V.rgb_to_grayscale(crop, num_output_channels=3)
    if rng.random() < augment.blur:
        sigma = size / 128 * rng.uniform(0.5, 2.5)
        crop = V.gaussian_blur(crop, [2 * math.ceil(2 * sigma) + 1] * 2, [sigma, sigma])
    if rng.random() < augment.low_resolution:
        small = V.resize(crop, [int(size * rng.uniform(0.15, 0.6))] * 2, InterpolationMode.BILINEAR, antialias=True)
        crop = V.resize(small, [size, size], InterpolationMode.BILINEAR)
    if rng.random() < augment.noise:
        noise = rng.normal(0, rng.uniform(3, 20), crop.shape).astype(np.float32)
        crop = (crop.float() + torch.from_numpy(noise)).clamp(0, 255).to(torch.uint8)
    if rng.random() < augment.jpeg:
        crop = V.jpeg(crop, int(rng.uniform(15, 70)))
    return crop


def occlude(crop: np.ndarray, augment: AugmentationConfig, rng: Generator, other_face: np.ndarray | None) -> np.ndarray:
    """The crop (S, S, 3) with one patch in front of it: flat, noise, or a piece of ``other_face`` (S, S, 3).

    A rectangle or an ellipse of random size, anywhere; the points behind it stay annotated.
    """
    size = len(crop)
    height, width = (max(2, int(size * rng.uniform(0.15, augment.patch))) for _ in "hw")
    if augment.flat_patches:  # the paper: a rectangle over a fifth of the crop
        height = max(2, int(size * math.sqrt(0.2 * math.exp(rng.uniform(-0.5, 0.5)))))
        width = min(size, int(0.2 * size * size / height))
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    ellipse = not augment.flat_patches and rng.random() < 0.5
    shape = (rows**2 + columns**2 <= 1) if ellipse else np.ones((height, width), bool)
    kind = 0.0 if augment.flat_patches else rng.random()
    if other_face is not None and kind > 0.5:
        y, x = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
        patch = other_face[y : y + height, x : x + width]
    elif kind > 0.35:
        patch = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    else:
        patch = np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (height, width, 3))
    crop = crop.copy()
    crop[top : top + height, left : left + width][shape] = patch[shape]
    return crop
