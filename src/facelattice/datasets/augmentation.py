"""Augmentation of training crops: geometry, color, image quality and occlusion patches.

All random numbers come from the ``rng`` argument, a numpy Generator, so that a crop can be reproduced. The photometric
operations are torchvision's; their parameters are drawn here.
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

MIN_PATCH_SIZE = 0.15  # of the crop


@dataclass
class AugmentationConfig:
    """Ranges and probabilities of the augmentation of training crops.

    Attributes:
        rotation: Largest rotation to either side, degrees.
        scale: Largest change of the box's size: a factor from exp(-scale) to exp(scale).
        shift: Largest shift of the box in x and in y, as a fraction of its side. Scale and shift also simulate an
            inaccurate detector.
        mirror: Mirror half of the crops.
        color: Probability of a change of brightness, contrast and saturation.
        grayscale: Probability of a conversion to grayscale.
        gamma: Probability of a gamma correction: a darker or lighter image.
        blur: Probability of a Gaussian blur.
        low_resolution: Probability of scaling the crop down and up again.
        noise: Probability of Gaussian noise.
        jpeg: Probability of JPEG compression.
        occlusion: Probability of a patch over the face. A second patch follows with half of this probability.
        max_patch_size: Largest side of a patch, as a fraction of the crop.
        flat_patches: Draw a single flat rectangle, as the paper does, and never a second patch.
        accessories: Probability of sunglasses, a mask or a hand, see `synthetic_occlusion.draw_accessory`.
        background: Fraction of the crops that are taken beside the face. They train the expected errors.
        turned: Fraction of the crops that are rotated by more than ``rotation``, up to 180 degrees. They train the
            expected errors, so that strongly turned faces get a low score.
    """

    rotation: float = 30.0
    scale: float = 0.15
    shift: float = 0.07
    mirror: bool = True
    color: float = 0.5
    grayscale: float = 0.1
    gamma: float = 0.25
    blur: float = 0.15
    low_resolution: float = 0.2
    noise: float = 0.15
    jpeg: float = 0.2
    occlusion: float = 0.5
    max_patch_size: float = 0.6
    flat_patches: bool = False
    accessories: float = 0.3
    background: float = 0.03
    turned: float = 0.05


def random_crop_transform(
    box: np.ndarray,
    crop_size: int,
    crop_margin: float,
    augmentation: AugmentationConfig,
    rng: Generator,
    turned: bool = False,
) -> tuple[np.ndarray, bool]:
    """Draw the affine transform of an augmented crop: shift, scale, rotation and mirror in one matrix.

    Args:
        box: The face box (4,), pixels.
        crop_size: Side of the crop in pixels.
        crop_margin: Side of the crop as a multiple of the longer side of the box.
        augmentation: Ranges to draw from.
        rng: Random numbers.
        turned: Rotate by more than ``augmentation.rotation``.

    Returns:
        The matrix (2, 3) from image to crop, and whether it mirrors.
    """
    side = geometry.box_side(box)
    center = geometry.box_center(box) + rng.uniform(-augmentation.shift, augmentation.shift, 2) * side
    side *= math.exp(rng.uniform(-augmentation.scale, augmentation.scale))
    limit = augmentation.rotation
    rotation = rng.uniform(limit, 360 - limit) if turned else rng.uniform(-limit, limit)
    mirrored = bool(augmentation.mirror and rng.random() < 0.5)
    square = geometry.square_box(center, side)
    return geometry.crop_transform(square, crop_size, crop_margin, rotation, mirrored), mirrored


def augment_colors(crop: Tensor, augmentation: AugmentationConfig, rng: Generator) -> Tensor:
    """Change colors, light, sharpness, resolution, noise and compression of a crop.

    Args:
        crop: uint8 (3, S, S), RGB.
        augmentation: Probabilities of the changes.
        rng: Random numbers.

    Returns:
        The changed crop, uint8 (3, S, S).
    """
    size = crop.shape[-1]
    if rng.random() < augmentation.color:
        crop = V.adjust_brightness(crop, rng.uniform(0.6, 1.4))
        crop = V.adjust_contrast(crop, rng.uniform(0.6, 1.4))
        crop = V.adjust_saturation(crop, rng.uniform(0.3, 1.6))
    if rng.random() < augmentation.gamma:
        crop = V.adjust_gamma(crop, math.exp(rng.uniform(-0.8, 1.0)))
    if rng.random() < augmentation.grayscale:
        crop = V.rgb_to_grayscale(crop, num_output_channels=3)
    if rng.random() < augmentation.blur:
        sigma = size / 128 * rng.uniform(0.5, 2.5)
        crop = V.gaussian_blur(crop, [2 * math.ceil(2 * sigma) + 1] * 2, [sigma, sigma])
    if rng.random() < augmentation.low_resolution:
        small = V.resize(crop, [int(size * rng.uniform(0.15, 0.6))] * 2, InterpolationMode.BILINEAR, antialias=True)
        crop = V.resize(small, [size, size], InterpolationMode.BILINEAR)
    if rng.random() < augmentation.noise:
        noise = rng.normal(0, rng.uniform(3, 20), crop.shape).astype(np.float32)
        crop = (crop.float() + torch.from_numpy(noise)).clamp(0, 255).to(torch.uint8)
    if rng.random() < augmentation.jpeg:
        crop = V.jpeg(crop, int(rng.uniform(15, 70)))
    return crop


def draw_occlusion_patch(
    crop: np.ndarray, augmentation: AugmentationConfig, rng: Generator, other_face: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a rectangle or an ellipse of random size anywhere over a crop.

    Args:
        crop: uint8 (S, S, 3).
        augmentation: Sizes and kinds of the patch.
        rng: Random numbers.
        other_face: Crop (S, S, 3) of another face that the patch may be a piece of. Other patches are flat or noise.

    Returns:
        A new crop (S, S, 3), and the covered pixels, bool (S, S). The landmarks behind the patch stay annotated.
    """
    size = len(crop)
    height, width = (max(2, int(size * rng.uniform(MIN_PATCH_SIZE, augmentation.max_patch_size))) for _ in "hw")
    if augmentation.flat_patches:  # a rectangle over a fifth of the crop
        height = max(2, int(size * math.sqrt(0.2 * math.exp(rng.uniform(-0.5, 0.5)))))
        width = min(size, int(0.2 * size * size / height))
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    ellipse = not augmentation.flat_patches and rng.random() < 0.5
    shape = (rows**2 + columns**2 <= 1) if ellipse else np.ones((height, width), bool)
    kind = 0.0 if augmentation.flat_patches else rng.random()
    if other_face is not None and kind > 0.5:
        y, x = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
        patch = other_face[y : y + height, x : x + width]
    elif kind > 0.35:
        patch = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    else:
        patch = np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (height, width, 3))
    crop = crop.copy()
    crop[top : top + height, left : left + width][shape] = patch[shape]
    covered = np.zeros((size, size), bool)
    covered[top : top + height, left : left + width] = shape
    return crop, covered
