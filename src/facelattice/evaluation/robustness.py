"""How points fare as faces get harder: patches over the landmarks, sunglasses, masks, hands, blur, inexact boxes; and
turned heads.

    errors, = measure([predict], samples, size=128, margin=1.3, change="patch: face", level=0.3)
    errors.hidden                                             # (M,) NME of each face's points under the patch

What is done to a face depends on the seed and the face's place in the list alone, in shares of the face: so every
network sees the same faces hidden at the same places, whatever its crop's size.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from facelattice import geometry, metrics
from facelattice.datasets.sample import Sample
from facelattice.datasets.synthetic_occlusion import KINDS, draw_accessory
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image

Predict = Callable[[np.ndarray], np.ndarray]  # crops uint8 (B, S, S, 3) -> points (B, N, 2), pixels of the crop

PATCHES = ("flat", "texture", "face")
CHANGES = {
    **{f"patch: {kind}": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6) for kind in PATCHES},
    "worn": tuple(range(1 + len(KINDS))),  # nothing, and then one after another
    "blur": (0.0, 0.01, 0.02, 0.03, 0.04, 0.06),
    "box noise": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25),
}
UNITS = {
    **{f"patch: {kind}": "share of the landmarks under the patch" for kind in PATCHES},
    "worn": "what is drawn before the face",
    "blur": "standard deviation of the blur, share of the face box",
    "box noise": "standard deviation of the box's shift and size, share of its side",
    "turn": "how far the nose is out of the middle, share of the face's width",
}
HIDING = tuple(change for change in CHANGES if change.startswith("patch") or change == "worn")
TURNS = (0.0, 0.05, 0.1, 0.2, 1.0)  # edges of the bins of `turn`


@dataclass(frozen=True)
class Errors:
    """Of each face (M,): NME over all points, over those that are covered and over those in sight; NaN where there are
    none, or the image could not be read."""

    all: np.ndarray
    hidden: np.ndarray
    visible: np.ndarray


def measure(
    predicts: Sequence[Predict],
    samples: Sequence[Sample],
    size: int,
    margin: float,
    change: str = "patch: flat",
    level: float = 0.0,
    seed: int = 0,
) -> list[Errors]:
    """The errors of each of ``predicts`` on faces changed so: ``change`` is a key of CHANGES, ``level`` how strongly.

    Boxes are the annotation's, crops ``size`` px with ``margin`` times the box. Raises ValueError for an unknown
    change.
    """
    if change not in CHANGES:
        raise ValueError(f"a change is one of {', '.join(CHANGES)}, not {change!r}")
    table = np.full((len(predicts), 3, len(samples)), np.nan)
    for start in range(0, len(samples), 64):
        changed: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for i in range(start, min(start + 64, len(samples))):
            # The level is no part of it: a face hidden more is hidden at the same place, and a curve is of one kind.
            rng = np.random.default_rng([seed, i])
            with contextlib.suppress(ImageError):  # its errors stay NaN
                changed[i] = _changed(samples, i, size, margin, change, level, rng)
        if not changed:
            continue
        crops = np.stack([crop for crop, _, _ in changed.values()])
        for rows, predict in zip(table, predicts, strict=True):
            for (i, (_, matrix, hidden)), found in zip(changed.items(), predict(crops), strict=True):
                rows[:, i] = _face_errors(geometry.apply(geometry.invert(matrix), found), samples[i], hidden)
    return [Errors(*rows) for rows in table]


def cover(points: np.ndarray, mask: np.ndarray, share: float, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A square patch over exactly round(``share`` x the annotated landmarks): its box (4,), and which are hidden (N,).

    It grows around a random landmark until it has them all; where several lie at the same distance it may be one more.
    """
    count = round(share * int(mask.sum()))
    center = points[rng.choice(np.flatnonzero(mask))]
    if count == 0:
        return np.array([*center, *center]), np.zeros(len(points), bool)
    reach = np.where(mask, np.abs(points - center).max(1), np.inf)
    ordered = np.sort(reach)
    # Halfway to the first landmark that stays in sight, so that none lies just at the edge.
    following = ordered[count] if count < mask.sum() else ordered[count - 1]
    radius = (ordered[count - 1] + following) / 2
    return geometry.square_box(center, 2 * radius), reach <= radius


def in_crop(box: np.ndarray, matrix: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that a box (4,) of the image takes up in the crop that ``matrix`` cuts."""
    x0, y0, x1, y1 = np.round(geometry.apply(matrix, box.reshape(2, 2))).astype(int).ravel()
    return slice(max(y0, 0), max(y1 + 1, 0)), slice(max(x0, 0), max(x1 + 1, 0))


def turn(sample: Sample) -> float:
    """How far a head is turned, 0 from the front to about 0.5 in profile; NaN where the scheme does not tell.

    The points on the face's axis (nose, chin) against the middle of the mirrored pairs, along the line between left and
    right, as a share of the largest distance of a pair: the nose leaves the middle as the head turns.
    """
    points, mirror = sample.points.astype(np.float64), sample.scheme.mirror
    known = sample.mask & sample.mask[mirror]
    axis, pairs = known & (mirror == np.arange(len(mirror))), known & (mirror != np.arange(len(mirror)))
    if not axis.any() or not pairs.any():
        return math.nan
    across = (points[mirror] - points)[pairs]
    across[across[:, 0] < 0] *= -1  # each pair comes twice, once from either side
    direction = across.sum(0) / max(float(np.linalg.norm(across.sum(0))), 1e-9)
    width = float(np.abs(across @ direction).max())
    if width <= 0:
        return math.nan
    return abs(float((points[axis].mean(0) - points[pairs].mean(0)) @ direction)) / width


def _changed(
    samples: Sequence[Sample], i: int, size: int, margin: float, change: str, level: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The changed crop of face i, the matrix that cut it, and which of its landmarks are hidden."""
    sample = samples[i]
    image = load_image(sample.path)
    hidden = np.zeros(len(sample.points), bool)
    box = sample.box
    if change == "box noise":
        box = geometry.jitter_box(box, level, level, rng)
    matrix = geometry.crop_transform(box, size, margin)
    crop = geometry.warp(image, matrix, size)
    if change == "blur" and level > 0:
        crop = cv2.GaussianBlur(crop, (0, 0), level * size / margin)
    elif change == "worn" and level > 0:
        points = geometry.apply(matrix, sample.points)
        crop, where = draw_accessory(crop, points, sample.mask, sample.scheme, rng, KINDS[int(level) - 1])
        near = np.where(sample.mask[:, None], points, -1).round().astype(int)  # those that are missing lie outside
        inside = ((near >= 0) & (near < size)).all(1)
        x, y = near[inside].T
        hidden[inside] = where[y, x]
    elif change.startswith("patch") and level > 0:
        patch, hidden = cover(sample.points, sample.mask, level, rng)
        area = in_crop(patch, matrix)
        crop[area] = _paint(change.removeprefix("patch: "), samples, i, size, rng)[area]
    return crop, matrix, hidden


def _paint(kind: str, samples: Sequence[Sample], i: int, size: int, rng: Generator) -> np.ndarray:
    """A crop (S, S, 3) of what patches show: one color, a woven texture, or another face, not the one hidden."""
    if kind == "flat":
        return np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (size, size, 3))
    if kind == "texture":  # coarse and fine noise: edges of all sizes, as cloth or leaves have them
        layers = [rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8) for cells in (4, 8, 16, 32)]
        grown = [cv2.resize(layer, (size, size), interpolation=cv2.INTER_CUBIC) for layer in layers]
        return np.mean(grown, axis=0).astype(np.uint8)
    for step in 1 + rng.permutation(max(len(samples) - 1, 1)):
        other = samples[(i + int(step)) % len(samples)]
        try:
            # Cut tightly and somewhere in it, so that the patch shows a face but not the hidden feature itself.
            center = geometry.box_center(other.box) + rng.uniform(-0.25, 0.25, 2) * geometry.box_side(other.box)
            box = geometry.square_box(center, geometry.box_side(other.box))
            return geometry.warp(load_image(other.path), geometry.crop_transform(box, size, 1.0), size)
        except ImageError:
            continue
    raise ImageError("no other face can be read to paint over this one")


def _face_errors(points: np.ndarray, sample: Sample, hidden: np.ndarray) -> tuple[float, float, float]:
    face = metrics.normalizing_distance(sample.points, sample.scheme, sample.mask)
    distance = np.linalg.norm(points - sample.points, axis=-1) / face

    def mean(part: np.ndarray) -> float:
        return float(distance[part].mean()) if part.any() else math.nan

    return mean(sample.mask), mean(sample.mask & hidden), mean(sample.mask & ~hidden)
