"""Synthetic occlusion: sunglasses, masks and hands, drawn at their usual places on a face.

    crop, covered = draw_accessory(crop, points, mask, scheme, rng)

The landmarks behind an accessory stay annotated, so that the network learns to infer them. Patches at random places
(`augmentation.draw_occlusion_patch`) rarely cover exactly both eyes, or exactly mouth and chin.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from facelattice import geometry
from facelattice.schemes import Scheme

ACCESSORIES = ("sunglasses", "mask", "hand")


def draw_accessory(
    crop: np.ndarray, points: np.ndarray, mask: np.ndarray, scheme: Scheme, rng: Generator, kind: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw an accessory over a crop.

    Sunglasses need points of both eyes; a mask needs most of the jaw and some of the nose. Without these points a hand
    is drawn. Without any point nothing is drawn.

    Args:
        crop: uint8 RGB (S, S, 3).
        points: (N, 2), pixels of the crop.
        mask: bool (N,), which points are annotated.
        scheme: Scheme of the points; its regions give the parts of the face.
        rng: Random numbers.
        kind: One of `ACCESSORIES`; None draws one at random.

    Returns:
        The new crop, and the covered pixels, bool (S, S).
    """
    shape = np.zeros(crop.shape[:2], np.uint8)
    if not mask.any():
        return crop, shape > 0
    kind = kind or ACCESSORIES[rng.integers(len(ACCESSORIES))]
    parts = {part: points[[i for i in region if mask[i]]] for part, region in scheme.regions.items()}
    left, right, jaw, nose = (parts.get(part, points[:0]) for part in ("left_eye", "right_eye", "jaw", "nose"))
    color, unevenness, opacity = rng.uniform(0, 256, 3), 25.0, 1.0
    if kind == "sunglasses" and len(left) and len(right):
        _draw_sunglasses(shape, left.mean(0), right.mean(0), rng)
        color, unevenness, opacity = rng.uniform(0, 80, 3), 10.0, rng.uniform(0.7, 1)
    elif kind == "mask" and len(jaw) >= 9 and len(nose) >= 3:
        _draw_mask(shape, jaw, nose, rng)
    else:
        annotated = points[mask]
        _draw_hand(shape, rng.choice(annotated), geometry.box_side(geometry.points_box(annotated)), rng)
        if rng.random() < 0.8:  # the color of the face's skin; the others have a glove of any color
            x, y = annotated.round().astype(int).clip(0, len(crop) - 1).T
            color = np.median(crop[y, x], axis=0) * rng.uniform(0.6, 1.3)
    return _paint(crop, shape, color, unevenness, opacity, rng), shape > 0


def covered_points(covered: np.ndarray, points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return which points lie on covered pixels.

    Args:
        covered: bool (S, S).
        points: (N, 2), pixels of the crop.
        mask: bool (N,), which points are annotated; the others are not covered.

    Returns:
        bool (N,).
    """
    x, y = np.where(mask[:, None], points, -1).round().astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < covered.shape[1]) & (y < covered.shape[0])
    return inside & covered[np.where(inside, y, 0), np.where(inside, x, 0)]


def _draw_sunglasses(shape: np.ndarray, left: np.ndarray, right: np.ndarray, rng: Generator) -> None:
    distance = float(np.linalg.norm(right - left))
    angle = float(np.degrees(np.arctan2(*(right - left)[::-1])))
    axes = _to_ints(distance * rng.uniform((0.3, 0.22), (0.48, 0.4)))
    for eye in (left, right):
        cv2.ellipse(shape, _to_ints(eye), axes, angle, 0, 360, 1, -1)
    cv2.line(shape, _to_ints(left), _to_ints(right), 1, _thickness(0.07 * distance))


def _draw_mask(shape: np.ndarray, jaw: np.ndarray, nose: np.ndarray, rng: Generator) -> None:
    first, last = rng.integers(len(jaw) // 8, len(jaw) // 4, 2)  # number of points at each end of the jaw left free
    outline = np.concatenate([jaw[first : len(jaw) - last], nose[rng.integers(1, 3), None]])
    center = outline.mean(0)
    outline = center + (outline - center) * rng.uniform(1, 1.1)  # a mask is a little larger than the skin it covers
    cv2.fillPoly(shape, [outline.round().astype(np.int32)], 1)


def _draw_hand(shape: np.ndarray, center: np.ndarray, face_side: float, rng: Generator) -> None:
    """Draw a palm, four fingers and an arm."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    side = face_side * rng.uniform(0.7, 1.1)
    cv2.ellipse(
        shape, _to_ints(center), _to_ints(side * np.array([0.22, 0.18])), float(np.degrees(angle)), 0, 360, 1, -1
    )
    spread = rng.uniform(0.01, 0.08)
    for finger in (-1.5, -0.5, 0.5, 1.5):
        knuckle = center + across * finger * 0.1 * side
        tip = knuckle + (along * rng.uniform(0.3, 0.45) + across * finger * spread) * side
        cv2.line(shape, _to_ints(knuckle), _to_ints(tip), 1, _thickness(0.085 * side))
    cv2.line(shape, _to_ints(center), _to_ints(center - along * 2 * side), 1, _thickness(0.25 * side))


def _paint(
    crop: np.ndarray, shape: np.ndarray, color: np.ndarray, unevenness: float, opacity: float, rng: Generator
) -> np.ndarray:
    """Paint the shape with soft edges, in a color that varies smoothly like cloth or skin in the light."""
    side = len(crop)
    coarse = rng.normal(0, unevenness, (6, 6, 1)).astype(np.float32)
    light = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    alpha = opacity * cv2.GaussianBlur(shape.astype(np.float32), (0, 0), max(0.4, side / 256))[..., None]
    painted = np.clip(color + light[..., None], 0, 255)
    return (crop * (1 - alpha) + painted * alpha).round().astype(np.uint8)


def _to_ints(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.round(values))


def _thickness(width: float) -> int:
    return max(1, round(width))
