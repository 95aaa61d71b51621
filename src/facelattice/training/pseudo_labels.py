"""Pseudo-labels: landmarks predicted by a model, filtered by test-time-augmentation consistency.

    for label in label_images(FaceAligner("ibug68"), paths, on_error):         # images without annotations
        label.path, label.points, label.mask
    for label in relabel_samples(predictor, samples, on_error):                # faces with noisy or few points
        ...

Each face is predicted in several crops that are shifted, scaled, rotated and mirrored. Landmarks that the model can
locate stay in place in the image. Those that it guesses move with the crop, and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facelattice import geometry
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner, OnError
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import LandmarkPredictor
from facelattice.schemes import convert

NUM_VIEWS = 8
# Variation of the views: standard deviations as fractions of the box's side, and degrees to either side.
SHIFT, SCALE, ROTATION = 0.04, 0.07, 15.0
# These are fractions of the longer side of the box of the points.
MAX_DEVIATION = 0.015  # landmarks with a larger mean deviation over the views are left out
MAX_DISTANCE = 0.06  # faces are left out if the mean distance from the annotated points is larger
MIN_SHARE = 0.3  # faces are left out if a smaller fraction of their landmarks is consistent


class PseudoLabel(NamedTuple):
    """Landmarks of one face.

    Attributes:
        path: The image file.
        points: float32 (N, 2), pixels.
        mask: bool (N,), which landmarks are consistent over the views.
    """

    path: Path
    points: np.ndarray
    mask: np.ndarray


def label_images(aligner: FaceAligner, images: Iterable[Path], on_error: OnError) -> Iterator[PseudoLabel]:
    """Label the faces that the aligner finds in images.

    Args:
        aligner: Detector and model.
        images: Image files.
        on_error: Called for each image that cannot be read; the image is skipped.

    Yields:
        The faces with enough consistent landmarks.
    """
    for path in images:
        try:
            image = load_image(path)
        except ImageError as error:
            on_error(path, error)
            continue
        for face in aligner(image):
            points, deviations = predict_views(aligner.model, image, face.points)
            mask = deviations < MAX_DEVIATION
            if mask.mean() >= MIN_SHARE:
                yield PseudoLabel(path, points, mask)


def relabel_samples(
    predictor: LandmarkPredictor, samples: list[Sample], on_error: OnError, progress: Callable[[list[Any]], Any] = iter
) -> Iterator[PseudoLabel]:
    """Label annotated faces again, such as those with noisy or few points. The annotation gives the box.

    Args:
        predictor: The model.
        samples: Annotated faces.
        on_error: Called for each image that cannot be read; the face is skipped.
        progress: Wraps the list of faces, to show progress.

    Yields:
        The faces with enough consistent landmarks, close to the annotated points.

    Raises:
        DataError: If the annotation shares no point with the model's scheme.
    """
    pairs = list(zip(*to_common_scheme(samples, predictor.model.scheme), strict=True))
    for sample, converted in progress(pairs):
        try:
            image = load_image(sample.path)
        except ImageError as error:
            on_error(sample.path, error)
            continue
        (face,) = predictor.predict([image], [converted.box])
        points, deviations = predict_views(predictor.model, image, face.points)
        mask = deviations < MAX_DEVIATION
        distance = _distance_from_annotation(points, sample, converted)
        if mask.mean() >= MIN_SHARE and distance <= MAX_DISTANCE * geometry.box_side(geometry.points_box(points)):
            yield PseudoLabel(sample.path, points, mask)


def predict_views(model: Model, image: np.ndarray, points: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Predict the landmarks of a face in several views, and measure the consistency of the views.

    Args:
        model: The model.
        image: uint8 RGB (H, W, 3).
        points: Landmarks of the face (N, 2), pixels, which give its box.
        seed: Seed of the views.

    Returns:
        The median over the views, float32 (N, 2), pixels; and the mean distance of the views from it, (N,), as a
        fraction of the longer side of the box of ``points``.
    """
    rng = np.random.default_rng(seed)
    box = geometry.points_box(points)
    crops, matrices = [], []
    for view in range(NUM_VIEWS):
        view_box, mirrored = geometry.jitter_box(box, SHIFT, SCALE, rng), view % 2 == 1
        rotation = rng.uniform(-ROTATION, ROTATION)
        matrix = geometry.crop_transform(view_box, model.crop_size, model.crop_margin, rotation, mirrored)
        matrices.append(matrix)
        crops.append(geometry.warp(image, matrix, model.crop_size))
    predicted = model(np.stack(crops)).points
    predicted[1::2] = predicted[1::2, model.scheme.mirror]
    views = np.stack([geometry.apply(geometry.invert(m), p) for m, p in zip(matrices, predicted, strict=True)])
    median = np.median(views, axis=0)
    return median.astype(np.float32), np.linalg.norm(views - median, axis=-1).mean(0) / geometry.box_side(box)


def _distance_from_annotation(points: np.ndarray, sample: Sample, converted: Sample) -> float:
    """Compute the mean distance of predicted points from the annotated ones, pixels.

    It is measured in the scheme of the annotation, or in that of the model if none of the annotated points can be
    computed from those of the model.
    """
    own, known = convert(points, np.ones(len(points), bool), converted.scheme, sample.scheme)
    shared = known & sample.mask
    offsets = (own - sample.points)[shared] if shared.any() else (points - converted.points)[converted.mask]
    return float(np.linalg.norm(offsets, axis=-1).mean())
