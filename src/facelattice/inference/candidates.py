"""Candidates: the predicted faces of an image, which tell whether to search it again, and of which the best are kept.

If none of them is clear, faces may be turned; if the clear ones are turned, so may be others that were not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facelattice import geometry
from facelattice.detection.turned import SURE_CONFIDENCE
from facelattice.face import Face
from facelattice.inference.predictor import CLEAR_SCORE
from facelattice.inference.roll import measure_roll, normalize_roll

# Turned faces rarely have this score, or this product of score and confidence, in an image that was not turned.
_MIN_SURE_SCORE, _CLEAR_WEIGHTED_SCORE = 0.25, 0.5

# In a photo that is turned by 45 degrees, the detector finds only some of the faces. If the clear ones have a larger
# roll than this, the image is searched again with their roll.
_MAX_TILT = 20.0  # degrees

_NMS_THRESHOLD = 0.6


@dataclass(frozen=True)
class Candidate:
    """A predicted face, with its detected box (4,) and roll in degrees."""

    face: Face
    box: np.ndarray
    roll: float


def weighted_score(face: Face) -> float:
    """Return the score times the confidence: of false detections, one or the other is low."""
    return face.score * face.confidence


def is_sure(candidate: Candidate) -> bool:
    """Return whether a face certainly has the roll that was searched, even if it is hard to see."""
    return candidate.face.confidence >= SURE_CONFIDENCE and candidate.face.score >= _MIN_SURE_SCORE


def _is_clear(face: Face) -> bool:
    return face.score >= CLEAR_SCORE and weighted_score(face) >= _CLEAR_WEIGHTED_SCORE


def best_clear(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the clear candidate with the highest score; None if none is clear."""
    clear = [candidate for candidate in candidates if _is_clear(candidate.face)]
    return max(clear, key=lambda candidate: candidate.face.score, default=None)


def common_roll(candidates: Sequence[Candidate]) -> float | None:
    """Return the median roll of the clear faces of an image; None if faces with that roll were searched already."""
    best = best_clear(candidates)
    if best is None:
        return None
    clear = [candidate.face for candidate in candidates if _is_clear(candidate.face)]
    measured = [measure_roll(face.points, face.scheme) for face in clear]
    rolls = [face.roll if roll is None else roll for face, roll in zip(clear, measured, strict=True)]
    tilt = float(np.median([normalize_roll(roll - best.roll) for roll in rolls]))
    return best.roll + tilt if abs(tilt) > _MAX_TILT else None


def select_faces(faces: Sequence[Face], min_score: float, max_faces: int | None) -> list[int]:
    """Return the indices of the faces of an image to keep, best first: different faces with the highest scores.

    Args:
        faces: Faces found in one image.
        min_score: Minimum product of score and confidence.
        max_faces: Maximum number of faces; None for all.
    """
    boxes = np.array([face.box for face in faces]).reshape(-1, 4)
    scores = np.array([face.score for face in faces])
    good = np.flatnonzero([weighted_score(face) >= min_score for face in faces])
    return good[geometry.nms(boxes[good], scores[good], _NMS_THRESHOLD)][:max_faces].tolist()
