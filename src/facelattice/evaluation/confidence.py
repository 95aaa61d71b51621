"""Does the score of a face tell it from none? Faces against places beside them, and images with no face in them.

result = presence(FaceAligner("ibug68"), samples, answers)
result["auroc"]                        # how often a face scores more than what is none: 1 always, 0.5 by chance
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from facelattice import distributed, geometry, metrics
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import Predictions, group_by_image
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner, face_score

SYNTHETIC_BACKGROUNDS = ("flat", "noise", "texture")
EACH = 20  # painted images of each kind
SIDE = 200  # their side, pixels; a face would fill the middle of it


def presence(
    aligner: FaceAligner,
    samples: Sequence[Sample],
    answers: Predictions,
    progress: Callable[[list[Any]], Any] = iter,
) -> dict[str, Any]:
    """Scores of the faces that were found against those of places with none, as plain values.

    A place is a box beside all faces of a photo, the annotated ones and those that the detector finds, one for each
    annotated face; a photo without room has none. Beside them stand 20 images each of one color, of noise and of
    blurred noise. Everything depends on the photos alone.
    """
    faces = [face_score(a.points, a.expected_errors) for a in answers.each if a is not None and a.expected_errors is not None]
    beside: list[float] = []
    for number, group in progress(distributed.share(list(enumerate(group_by_image(samples))))):
        beside += _beside(aligner, [samples[i] for i in group], np.random.default_rng([0, number]))
    beside = sorted(distributed.gather(beside))
    middle = geometry.square_box(np.array([SIDE, SIDE]) / 2, SIDE / 2)
    painted = [aligner(paint(kind, seed), boxes=[middle])[0].score for kind in SYNTHETIC_BACKGROUNDS for seed in range(EACH)]
    return {
        "faces": len(faces),
        "beside": len(beside),
        "painted": len(painted),
        "auroc": metrics.auroc(np.array(faces), np.array([*beside, *painted])) if faces else None,
        "auroc_beside": metrics.auroc(np.array(faces), np.array(beside)) if faces and beside else None,
    }


def paint(kind: str, seed: int) -> np.ndarray:
    """An image (200, 200, 3) of one color ("flat"), of "noise", or of noise blurred to blobs ("texture")."""
    rng = np.random.default_rng([seed, SYNTHETIC_BACKGROUNDS.index(kind)])
    if kind == "flat":
        return np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    noise: np.ndarray = rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    if kind == "texture":
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(2, 12))
        noise = 255 * (noise - noise.min()) / np.ptp(noise)
    return noise.astype(np.uint8)


def _beside(aligner: FaceAligner, samples: list[Sample], rng: np.random.Generator) -> list[float]:
    """The scores at places beside the faces of one photo; none where it cannot be read or is full of faces."""
    try:
        image = load_image(samples[0].path)
    except ImageError:
        return []
    height, width = image.shape[:2]
    faces = [*(sample.box for sample in samples), *aligner.detector(image)[0]]
    places = [box for _ in samples if (box := geometry.sample_background_box(faces, width, height, rng)) is not None]
    return [face.score for face in aligner(image, boxes=places)] if places else []
