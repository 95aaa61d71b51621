"""Predict the landmarks of annotated faces with a model.

Example:
    predictions = predict_samples(FaceAligner("ibug68"), samples, box="noisy", seed=0)
    predictions.faces[0]               # FacePrediction(points, expected_errors), or None if the face was not found

Predictions that another program wrote to files are read by `prediction_files`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import distributed, geometry
from facelattice.datasets.sample import Sample
from facelattice.exceptions import ImageError
from facelattice.face import Face
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import Scheme

BOX_SOURCES = ("annotation", "noisy", "detector")
BOX_SHIFT, BOX_SCALE = 0.05, 0.1  # standard deviations of noisy boxes: center in sides, logarithm of the side
MATCH_IOU = 0.3  # smallest IoU of a detected and an annotated box of the same face

Progress = Callable[[list[Any]], Iterable[Any]]  # wraps a list of work items, for example in a progress bar


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """Predicted landmarks of one face.

    Attributes:
        points: float32 (N, 2), pixels of the image, NaN for missing landmarks.
        expected_errors: (N,), predicted distances from the truth, pixels; None if the program does not predict them.
        visibility: (N,), predicted probabilities that the landmarks are visible, 0 to 1; None if the program does not
            predict them.
    """

    points: np.ndarray
    expected_errors: np.ndarray | None
    visibility: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one program for a list of annotated faces.

    Attributes:
        name: Name of the model or of the file of predictions.
        scheme: Point scheme of the predictions.
        box_source: A description of the boxes that the program was given.
        faces: One prediction for each annotated face, None for a face that was not found.
        unreadable: Error messages of images that could not be read.
        num_unmatched: Number of predictions for images that are not in the dataset.
        annotation_style: Annotation style that the model imitates; None for a model without styles, or for their mean.
    """

    name: str
    scheme: Scheme
    box_source: str
    faces: list[FacePrediction | None]
    unreadable: list[str]
    num_unmatched: int = 0
    annotation_style: str | None = None


def predict_samples(
    aligner: FaceAligner,
    samples: Sequence[Sample],
    box: str = "annotation",
    seed: int = 0,
    progress: Progress = iter,
) -> Predictions:
    """Run a model on every annotated face, image by image.

    In a distributed run every process predicts a share of the images, and all processes return all predictions.

    Args:
        aligner: The model.
        samples: Annotated faces, converted to the scheme of the model.
        box: Source of the boxes: "annotation" is the landmark box of each face, "noisy" is that box shifted and scaled
            at random (`noisy_box`), "detector" detects faces in the whole image and matches them with the annotated
            ones by the IoU of their boxes.
        seed: Seed of noisy boxes.
        progress: Wraps the list of images, to show progress.

    Returns:
        Predictions in the order of ``samples``.
    """
    indexed: list[tuple[int, FacePrediction | None]] = []
    unreadable: list[str] = []
    for indices in progress(distributed.share(group_by_image(samples))):
        try:
            faces = _predict_image(aligner, [samples[i] for i in indices], box, seed, indices)
        except ImageError as error:
            unreadable.append(str(error))
            faces = [None] * len(indices)
        indexed += zip(indices, faces, strict=True)
    by_index = dict(distributed.gather(indexed))
    noise = f"noisy (annotation box, shift {BOX_SHIFT:g}, scale {BOX_SCALE:g}, seed {seed})"
    return Predictions(
        name=aligner.model.name,
        scheme=aligner.model.scheme,
        box_source=noise if box == "noisy" else box,
        faces=[by_index[i] for i in range(len(samples))],
        unreadable=sorted(distributed.gather(unreadable)),
        annotation_style=aligner.model.annotation_style,
    )


def group_by_image(samples: Sequence[Sample]) -> list[list[int]]:
    """Group the indices of faces by their image."""
    images: dict[Path, list[int]] = {}
    for i, sample in enumerate(samples):
        images.setdefault(sample.path, []).append(i)
    return list(images.values())


def noisy_box(box: np.ndarray, seed: int, index: int) -> np.ndarray:
    """Shift and scale the square box of a face at random.

    Args:
        box: (4,) box of the face.
        seed: Seed of the evaluation.
        index: Index of the face in the dataset. The result depends only on box, seed and index.

    Returns:
        (4,) square box. The center is shifted by N(0, 5 %) of the side in x and in y, the side is multiplied by
        exp(N(0, 0.1)).
    """
    return geometry.jitter_box(box, BOX_SHIFT, BOX_SCALE, np.random.default_rng([seed, index]))


def match_boxes(
    candidates: Sequence[np.ndarray], boxes: Sequence[np.ndarray], min_iou: float = MATCH_IOU
) -> list[int | None]:
    """Assign candidate boxes to boxes one to one, greedily by decreasing IoU.

    Args:
        candidates: (K, 4), for example detected boxes.
        boxes: (M, 4), for example annotated boxes.
        min_iou: Pairs with a smaller IoU are not matched.

    Returns:
        For each of ``boxes`` the index of its candidate, None if it has no match.
    """
    ious = np.array([geometry.iou(candidate, box) for box in boxes for candidate in candidates])
    ious = ious.reshape(len(boxes), len(candidates))
    matches: list[int | None] = [None] * len(boxes)
    while ious.size and ious.max() >= min_iou:
        i, k = np.unravel_index(ious.argmax(), ious.shape)
        matches[i] = int(k)
        ious[i], ious[:, k] = -1, -1
    return matches


def _predict_image(
    aligner: FaceAligner, samples: list[Sample], box: str, seed: int, indices: list[int]
) -> list[FacePrediction | None]:
    """Predict the faces of one image, given with their indices in the dataset."""
    image = load_image(samples[0].path)
    if box == "detector":
        faces = aligner(image)
        matches = match_boxes([face.box for face in faces], [sample.box for sample in samples])
        return [None if k is None else _prediction(faces[k]) for k in matches]
    boxes = [s.box if box == "annotation" else noisy_box(s.box, seed, i) for s, i in zip(samples, indices, strict=True)]
    return [_prediction(face) for face in aligner(image, boxes=boxes)]


def _prediction(face: Face) -> FacePrediction:
    return FacePrediction(face.points, face.expected_errors, face.visibility)
