"""AUROC of the score: how well it separates faces from background.

Example:
    result = face_background_auroc(FaceAligner("ibug68"), samples, predictions)
    result.auroc                           # probability that a face scores higher than a background, 0.5 by chance
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facelattice import distributed, geometry, metrics
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import Predictions, Progress, group_by_image
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.expected_errors import face_score

SYNTHETIC_BACKGROUNDS = ("flat", "noise", "texture")
NUM_SYNTHETIC = 20  # synthetic images of each kind
SYNTHETIC_SIZE = 200  # side of a synthetic image, pixels; the box covers its central half


@dataclass(frozen=True)
class BackgroundAuroc:
    """AUROC of the score of faces against the score of backgrounds.

    Attributes:
        num_faces: Number of faces that were found.
        num_photo_backgrounds: Number of boxes beside the faces of the photos.
        num_synthetic_backgrounds: Number of synthetic images.
        auroc: AUROC against all backgrounds; None if no face was found.
        photo_auroc: AUROC against the boxes in the photos alone; None if there are none.
    """

    num_faces: int
    num_photo_backgrounds: int
    num_synthetic_backgrounds: int
    auroc: float | None
    photo_auroc: float | None


def face_background_auroc(
    aligner: FaceAligner, samples: Sequence[Sample], predictions: Predictions, progress: Progress = iter
) -> BackgroundAuroc:
    """Compare the scores of found faces with the scores of boxes without a face.

    The backgrounds are 60 synthetic images, and for each annotated face one box in its photo that avoids annotated and
    detected faces. Photos without room for a box are left out. The boxes are the same in every run.

    Args:
        aligner: The model.
        samples: Annotated faces, converted to the scheme of the model.
        predictions: Predictions of the model for ``samples``.
        progress: Wraps the list of images, to show progress.
    """
    faces = np.array([
        face_score(face.points, face.expected_errors)
        for face in predictions.faces
        if face is not None and face.expected_errors is not None
    ])  # fmt: skip
    scores: list[float] = []
    for number, indices in progress(distributed.share(list(enumerate(group_by_image(samples))))):
        scores += _score_backgrounds(aligner, [samples[i] for i in indices], np.random.default_rng([0, number]))
    photos = np.array(sorted(distributed.gather(scores)))
    box = geometry.square_box(np.array([SYNTHETIC_SIZE, SYNTHETIC_SIZE]) / 2, SYNTHETIC_SIZE / 2)
    images = [synthetic_background(kind, seed) for kind in SYNTHETIC_BACKGROUNDS for seed in range(NUM_SYNTHETIC)]
    synthetic = np.array([aligner(image, boxes=[box])[0].score for image in images])
    return BackgroundAuroc(
        num_faces=len(faces),
        num_photo_backgrounds=len(photos),
        num_synthetic_backgrounds=len(synthetic),
        auroc=metrics.auroc(faces, np.concatenate([photos, synthetic])) if len(faces) else None,
        photo_auroc=metrics.auroc(faces, photos) if len(faces) and len(photos) else None,
    )


def synthetic_background(kind: str, seed: int) -> np.ndarray:
    """Create an image without a face.

    Args:
        kind: "flat" is one color, "noise" is white noise, "texture" is blurred noise.
        seed: Seed of the image.

    Returns:
        uint8 RGB (200, 200, 3).
    """
    rng = np.random.default_rng([seed, SYNTHETIC_BACKGROUNDS.index(kind)])
    shape = (SYNTHETIC_SIZE, SYNTHETIC_SIZE, 3)
    if kind == "flat":
        return np.full(shape, rng.integers(0, 256, 3), np.uint8)
    noise: np.ndarray = rng.integers(0, 256, shape).astype(np.float32)
    if kind == "texture":
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(2, 12))
        noise = 255 * (noise - noise.min()) / np.ptp(noise)
    return noise.astype(np.uint8)


def _score_backgrounds(aligner: FaceAligner, samples: list[Sample], rng: np.random.Generator) -> list[float]:
    """Score boxes beside the faces of one photo; empty if it cannot be read or has no room."""
    try:
        image = load_image(samples[0].path)
    except ImageError:
        return []
    height, width = image.shape[:2]
    faces = [*(sample.box for sample in samples), *aligner.detector(image)[0]]
    boxes = [box for _ in samples if (box := geometry.sample_background_box(faces, width, height, rng)) is not None]
    return [face.score for face in aligner(image, boxes=boxes)] if boxes else []
