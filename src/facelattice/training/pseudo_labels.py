"""Labels by a model's own points, kept where it agrees with itself (self-training).

    for image, points, mask in label(FaceAligner("ibug68"), photos, on_error):        # photos that have none
        ...
    for image, points, mask in relabel(FaceAligner("ibug68"), samples, on_error):     # noisy or sparse ones
        ...

Each face is looked at again in crops that are shifted, resized, turned and mirrored. A point that the model sees stays
where it is in the photo; one that it guesses moves with the crop, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import Model
from facelattice.schemes import convert

VIEWS = 8
SHIFT, GROWTH, ROTATION = 0.04, 0.07, 15.0  # of a view: deviations as shares of the side; degrees to either side
LIMIT = 0.015  # points that move more, as a mean over the views, are left out: share of the side of the face's box
LEAST = 0.3  # share of the points that must agree, or the face is left out
NEAR = 0.06  # how far the points may lie from annotated ones on average, or the face is left out: the same share

Found = tuple[Path, np.ndarray, np.ndarray]
OnError = Callable[[Path, ImageError], None]


def label(aligner: FaceAligner, images: Iterable[Path], on_error: OnError) -> Iterator[Found]:
    """The faces that the aligner finds in images: (path, points (N, 2), mask (N,)), pixels, agreed points masked in.

    ``on_error`` is called for images that cannot be read.
    """
    for path in images:
        try:
            image = load_image(path)
        except ImageError as error:
            on_error(path, error)
            continue
        for face in aligner(image):
            points, mask = _agreed(aligner.model, image, face.points)
            if mask.mean() >= LEAST:
                yield path, points, mask


def relabel(
    aligner: FaceAligner, samples: list[Sample], on_error: OnError, progress: Callable[[list[Any]], Any] = iter
) -> Iterator[Found]:
    """The same for faces that are annotated already, with few points or noisy ones, which say where to look.

    A face is left out where the model's points are not those of the face that was annotated. Raises DataError where the
    annotation shares no point with the model's scheme.
    """
    pairs = list(zip(*to_common_scheme(samples, aligner.model.scheme), strict=True))
    for sample, seen in progress(pairs):
        try:
            image = load_image(sample.path)
        except ImageError as error:
            on_error(sample.path, error)
            continue
        (face,) = aligner(image, boxes=[seen.box])
        points, mask = _agreed(aligner.model, image, face.points)
        same, known = convert(points, np.ones(len(points), bool), aligner.model.scheme, sample.scheme)
        shared = known & sample.mask
        # Five points make none of an eye's contour, but a contour makes one of the five.
        apart = (same - sample.points)[shared] if shared.any() else (points - seen.points)[seen.mask]
        distance = np.linalg.norm(apart, axis=-1).mean()
        if mask.mean() >= LEAST and distance <= NEAR * geometry.box_side(geometry.points_box(points)):
            yield sample.path, points, mask


def _agreed(model: Model, image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points, spread = agree(model, image, points)
    return points, spread < LIMIT


def agree(model: Model, image: np.ndarray, points: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The median over views of the face at ``points`` (N, 2), float32 (N, 2), and how far views lie from it, (N,).

    The distance is the mean over the views, as a share of the longer side of the points' box.
    """
    rng = np.random.default_rng(seed)
    box = geometry.points_box(points)
    crops, matrices = [], []
    for view in range(VIEWS):
        moved = geometry.jitter_box(box, SHIFT, GROWTH, rng)
        mirrored = view % 2 == 1
        matrices.append(
            geometry.crop_transform(
                moved, model.crop_size, model.crop_margin, rng.uniform(-ROTATION, ROTATION), mirrored
            )
        )
        crops.append(geometry.warp(image, matrices[-1], model.crop_size))
    found, _ = model(np.stack(crops))
    found[1::2] = found[1::2, model.scheme.mirror]
    seen = np.stack([geometry.apply(geometry.invert(m), p) for m, p in zip(matrices, found, strict=True)])
    middle = np.median(seen, axis=0)
    return middle.astype(np.float32), np.linalg.norm(seen - middle, axis=-1).mean(0) / geometry.box_side(box)
