"""Errors on perturbed faces: occluded by patches or accessories, blurred, rotated, or with inexact boxes.

Example:
    (errors,) = perturbed_errors([predict], samples, 128, 1.3, "patch: face", 0.3)
    errors.occluded                    # (M,) NME of the landmarks of each face that lie under the patch

The perturbation of a face depends only on the seed, the index of the face and the level, and is in fractions of the
face. So every network gets the same perturbation, whatever its crop size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from facelattice import geometry, metrics
from facelattice.datasets.sample import Sample
from facelattice.datasets.synthetic_occlusion import ACCESSORIES, covered_points, draw_accessory
from facelattice.exceptions import ArgumentError, ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import OnError

PointPredictor = Callable[[np.ndarray], np.ndarray]  # crops uint8 (B, S, S, 3) -> points (B, N, 2), pixels of the crop

PATCHES = ("flat", "texture", "face")
# Levels of each perturbation; level 0 is the unperturbed face.
PERTURBATIONS: dict[str, tuple[float, ...]] = {
    **{f"patch: {kind}": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6) for kind in PATCHES},
    "accessories": tuple(range(1 + len(ACCESSORIES))),
    "blur": (0.0, 0.01, 0.02, 0.03, 0.04, 0.06),
    "box noise": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25),
    "roll": (0.0, 45.0, 90.0, 135.0, 180.0),
}
OCCLUSIONS = (*(f"patch: {kind}" for kind in PATCHES), "accessories")

_CHUNK = 64  # faces in memory at a time


@dataclass(frozen=True)
class PerturbedErrors:
    """NME of M faces, NaN where there are no such landmarks or the image could not be read.

    Attributes:
        all: (M,) over all landmarks.
        occluded: (M,) over the landmarks that the perturbation covers.
        visible: (M,) over the other landmarks.
    """

    all: np.ndarray
    occluded: np.ndarray
    visible: np.ndarray


def perturbed_errors(
    predictors: Sequence[PointPredictor],
    samples: Sequence[Sample],
    crop_size: int,
    crop_margin: float,
    perturbation: str = "patch: flat",
    level: float = 0.0,
    seed: int = 0,
    on_error: OnError = lambda image, error: None,
) -> list[PerturbedErrors]:
    """Measure the errors of several networks on perturbed faces.

    Args:
        predictors: The networks.
        samples: Annotated faces in the scheme of the networks.
        crop_size: Side of the crop, pixels.
        crop_margin: Side of the crop divided by the side of the annotated box.
        perturbation: A key of `PERTURBATIONS`.
        level: Strength of the perturbation. Patches: fraction of the landmarks under the patch. Accessories: 1 + the
            index in `ACCESSORIES`. Blur: standard deviation divided by the side of the box. Box noise: standard
            deviation of shift and log scale, in sides of the box. Roll: rotation of the image in degrees, clockwise;
            the crop is not turned back, as `FaceAligner` would.
        seed: Seed of the perturbation.
        on_error: Called with the path of an image that cannot be read, for each of its faces.

    Raises:
        ArgumentError: If the perturbation is unknown.
    """
    if perturbation not in PERTURBATIONS:
        raise ArgumentError(f"unknown perturbation {perturbation!r}; choose one of {', '.join(PERTURBATIONS)}")
    errors = np.full((len(predictors), 3, len(samples)), np.nan)
    for start in range(0, len(samples), _CHUNK):
        perturbed: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for i in range(start, min(start + _CHUNK, len(samples))):
            # The seed does not depend on the level, so a larger patch covers the same place as a smaller one.
            rng = np.random.default_rng([seed, i])
            try:
                perturbed[i] = _perturb(samples, i, crop_size, crop_margin, perturbation, level, rng)
            except ImageError as error:  # the errors of the face stay NaN
                on_error(samples[i].path, error)
        if not perturbed:
            continue
        crops = np.stack([crop for crop, _, _ in perturbed.values()])
        for network_errors, predict in zip(errors, predictors, strict=True):
            for (i, (_, matrix, occluded)), points in zip(perturbed.items(), predict(crops), strict=True):
                points = geometry.apply(geometry.invert(matrix), points)
                network_errors[:, i] = _face_errors(points, samples[i], occluded)
    return [PerturbedErrors(*network_errors) for network_errors in errors]


def occlusion_patch(
    points: np.ndarray, mask: np.ndarray, fraction: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Place a square patch over a fraction of the landmarks, around a random landmark.

    Args:
        points: (N, 2) landmarks.
        mask: Bool (N,), landmarks that are annotated.
        fraction: Fraction of the annotated landmarks to cover. Landmarks at equal distance are covered together.
        rng: Chooses the landmark at the center.

    Returns:
        The box of the patch (4,) and the covered landmarks, bool (N,).
    """
    count = round(fraction * int(mask.sum()))
    center = points[rng.choice(np.flatnonzero(mask))]
    if count == 0:
        return np.array([*center, *center]), np.zeros(len(points), bool)
    distances = np.where(mask, np.abs(points - center).max(1), np.inf)
    ordered = np.sort(distances)
    # The edge is halfway to the next landmark, so that no landmark lies on it.
    following = ordered[count] if count < mask.sum() else ordered[count - 1]
    radius = (ordered[count - 1] + following) / 2
    return geometry.square_box(center, 2 * radius), distances <= radius


def crop_slices(box: np.ndarray, matrix: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of a crop that a box of the image covers.

    Args:
        box: (4,) in pixels of the image.
        matrix: (2, 3) transform from image to crop.
    """
    x0, y0, x1, y1 = np.round(geometry.apply(matrix, box.reshape(2, 2))).astype(int).ravel()
    return slice(max(y0, 0), max(y1 + 1, 0)), slice(max(x0, 0), max(x1 + 1, 0))


def yaw_proxy(sample: Sample) -> float:
    """Estimate from the annotation how far a head is turned sideways.

    As the head turns, the landmarks on the axis of the face (nose, chin) move away from the middle of the mirror pairs.
    Their distance from the middle, along the line from left to right, is divided by the largest distance of a pair.

    Returns:
        0 for a frontal face to about 0.5 for a profile; NaN if the scheme has no axis or no pairs.
    """
    points, mirror = sample.points.astype(np.float64), sample.scheme.mirror
    known = sample.mask & sample.mask[mirror]
    axis, pairs = known & (mirror == np.arange(len(mirror))), known & (mirror != np.arange(len(mirror)))
    if not axis.any() or not pairs.any():
        return math.nan
    across = (points[mirror] - points)[pairs]
    across[across[:, 0] < 0] *= -1  # each pair occurs twice, in both directions
    direction = across.sum(0) / max(float(np.linalg.norm(across.sum(0))), 1e-9)
    width = float(np.abs(across @ direction).max())
    if width <= 0:
        return math.nan
    return abs(float((points[axis].mean(0) - points[pairs].mean(0)) @ direction)) / width


def _perturb(
    samples: Sequence[Sample], i: int, size: int, margin: float, perturbation: str, level: float, rng: Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the perturbed crop of face i, its transform, and its occluded landmarks."""
    sample = samples[i]
    image = load_image(sample.path)
    occluded = np.zeros(len(sample.points), bool)
    box = sample.box
    if perturbation == "box noise":
        box = geometry.jitter_box(box, level, level, rng)
    matrix = geometry.crop_transform(box, size, margin, rotation=level if perturbation == "roll" else 0.0)
    crop = geometry.warp(image, matrix, size)
    if perturbation == "blur" and level > 0:
        crop = cv2.GaussianBlur(crop, (0, 0), level * size / margin)
    elif perturbation == "accessories" and level > 0:
        points = geometry.apply(matrix, sample.points)
        crop, covered = draw_accessory(crop, points, sample.mask, sample.scheme, rng, ACCESSORIES[int(level) - 1])
        occluded = covered_points(covered, points, sample.mask)
    elif perturbation.startswith("patch") and level > 0:
        patch, occluded = occlusion_patch(sample.points, sample.mask, level, rng)
        area = crop_slices(patch, matrix)
        crop[area] = _patch_texture(perturbation.removeprefix("patch: "), samples, i, size, rng)[area]
    return crop, matrix, occluded


def _patch_texture(kind: str, samples: Sequence[Sample], i: int, size: int, rng: Generator) -> np.ndarray:
    """Return the texture of a patch (S, S, 3): one color, noise, or a face other than face i."""
    if kind == "flat":
        return np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (size, size, 3))
    if kind == "texture":  # noise at several scales has edges of all sizes, like cloth or leaves
        layers = [rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8) for cells in (4, 8, 16, 32)]
        resized = [cv2.resize(layer, (size, size), interpolation=cv2.INTER_CUBIC) for layer in layers]
        return np.mean(resized, axis=0).astype(np.uint8)
    for step in 1 + rng.permutation(max(len(samples) - 1, 1)):
        other = samples[(i + int(step)) % len(samples)]
        try:
            # A tight box with a random center, so that the patch does not show the landmarks that it covers.
            center = geometry.box_center(other.box) + rng.uniform(-0.25, 0.25, 2) * geometry.box_side(other.box)
            box = geometry.square_box(center, geometry.box_side(other.box))
            return geometry.warp(load_image(other.path), geometry.crop_transform(box, size, 1.0), size)
        except ImageError:
            continue
    raise ImageError("no other image can be read to fill the patch")


def _face_errors(points: np.ndarray, sample: Sample, occluded: np.ndarray) -> tuple[float, float, float]:
    """Return the NME over all, occluded and visible landmarks."""
    size = metrics.normalizing_distance(sample.points, sample.scheme, sample.mask)
    errors = np.linalg.norm(points - sample.points, axis=-1) / size

    def mean(chosen: np.ndarray) -> float:
        return float(errors[chosen].mean()) if chosen.any() else math.nan

    return mean(sample.mask), mean(sample.mask & occluded), mean(sample.mask & ~occluded)
