"""What people have before their faces, drawn where they have it: sunglasses, masks and hands.

    crop, where = draw_accessory(crop, points, mask, scheme, rng)

The points behind stay annotated: where they are is to be told from what is in sight. Patches at random places, as
`augment.occlude` paints them, hardly ever hide just both eyes, or the mouth and the chin and nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from facelattice import geometry
from facelattice.schemes import Scheme

KINDS = ("sunglasses", "mask", "hand")


def draw_accessory(
    crop: np.ndarray, points: np.ndarray, mask: np.ndarray, scheme: Scheme, rng: Generator, kind: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A crop, uint8 RGB (S, S, 3), with one of KINDS drawn over it, else one by lot, and where: bool (S, S).

    points (N, 2) in pixels of the crop, mask (N,) which of them are known. Sunglasses need some of both eyes, a mask
    most of the jaw and some of the nose; else it is a hand. Without any point nothing is drawn.
    """
    shape = np.zeros(crop.shape[:2], np.uint8)
    if not mask.any():
        return crop, shape > 0
    kind = kind or KINDS[rng.integers(len(KINDS))]
    parts = {part: points[[i for i in region if mask[i]]] for part, region in scheme.regions.items()}
    left, right, jaw, nose = (parts.get(part, points[:0]) for part in ("left_eye", "right_eye", "jaw", "nose"))
    color, uneven, opacity = rng.uniform(0, 256, 3), 25.0, 1.0
    if kind == "sunglasses" and len(left) and len(right):
        _sunglasses(shape, left.mean(0), right.mean(0), rng)
        color, uneven, opacity = rng.uniform(0, 80, 3), 10.0, rng.uniform(0.7, 1)
    elif kind == "mask" and len(jaw) >= 9 and len(nose) >= 3:
        _mask(shape, jaw, nose, rng)
    else:
        known = points[mask]
        _hand(shape, rng.choice(known), geometry.box_side(geometry.points_box(known)), rng)
        if rng.random() < 0.8:  # or it has a glove on
            x, y = known.round().astype(int).clip(0, len(crop) - 1).T
            color = np.median(crop[y, x], axis=0) * rng.uniform(0.6, 1.3)
    return _painted(crop, shape, color, uneven, opacity, rng), shape > 0


def _sunglasses(shape: np.ndarray, left: np.ndarray, right: np.ndarray, rng: Generator) -> None:
    apart = float(np.linalg.norm(right - left))
    turned = float(np.degrees(np.arctan2(*(right - left)[::-1])))
    axes = _whole(apart * rng.uniform((0.3, 0.22), (0.48, 0.4)))
    for eye in (left, right):
        cv2.ellipse(shape, _whole(eye), axes, turned, 0, 360, 1, -1)
    cv2.line(shape, _whole(left), _whole(right), 1, _thick(0.07 * apart))


def _mask(shape: np.ndarray, jaw: np.ndarray, nose: np.ndarray, rng: Generator) -> None:
    first, last = rng.integers(len(jaw) // 8, len(jaw) // 4, 2)  # points of the jaw at its ends that are above the mask
    outline = np.concatenate([jaw[first : len(jaw) - last], nose[rng.integers(1, 3), None]])
    middle = outline.mean(0)
    outline = middle + (outline - middle) * rng.uniform(1, 1.1)  # it stands off the skin
    cv2.fillPoly(shape, [outline.round().astype(np.int32)], 1)


def _hand(shape: np.ndarray, at: np.ndarray, size: float, rng: Generator) -> None:
    """A palm, four fingers and an arm, for a face of ``size`` px."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    size *= rng.uniform(0.7, 1.1)
    cv2.ellipse(shape, _whole(at), _whole(size * np.array([0.22, 0.18])), float(np.degrees(angle)), 0, 360, 1, -1)
    spread = rng.uniform(0.01, 0.08)
    for finger in (-1.5, -0.5, 0.5, 1.5):
        knuckle = at + across * finger * 0.1 * size
        tip = knuckle + (along * rng.uniform(0.3, 0.45) + across * finger * spread) * size
        cv2.line(shape, _whole(knuckle), _whole(tip), 1, _thick(0.085 * size))
    cv2.line(shape, _whole(at), _whole(at - along * 2 * size), 1, _thick(0.25 * size))


def _painted(
    crop: np.ndarray, shape: np.ndarray, color: np.ndarray, uneven: float, opacity: float, rng: Generator
) -> np.ndarray:
    """The crop with the ``shape`` in a color that is uneven by so much, as cloth and skin are in the light."""
    side = len(crop)
    light = cv2.resize(rng.normal(0, uneven, (6, 6, 1)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    cover = opacity * cv2.GaussianBlur(shape.astype(np.float32), (0, 0), max(0.4, side / 256))[..., None]
    painted = np.clip(color + light[..., None], 0, 255)
    return (crop * (1 - cover) + painted * cover).round().astype(np.uint8)


def _whole(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.round(values))


def _thick(width: float) -> int:
    return max(1, round(width))
