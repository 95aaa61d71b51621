"""Error measures of face alignment, computed exactly with numpy.

- NME (normalized mean error): the mean distance of a face's points from the annotation, divided by a measure of the
  face's size (`normalizing_distance`).
- Failure rate: the fraction of faces with an NME above a threshold.
- AUC: the area under the cumulative error curve up to a threshold t, divided by t. It is the mean of
  clip(1 - NME / t, 0, 1).
- CED: the cumulative error distribution, the fraction of faces with an NME of at most a value.
"""

from __future__ import annotations

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.schemes import EyePoints, Scheme

CED_STEP = 0.005
NORMALIZATIONS = ("inter-ocular", "inter-pupil", "box", "given box", "diagonal")


def normalizing_distance(
    truth: np.ndarray,
    scheme: Scheme,
    mask: np.ndarray | None = None,
    normalizer: str = "inter-ocular",
    dataset_box: np.ndarray | None = None,
) -> float:
    """Compute the distance by which the errors of a face are divided.

    Args:
        truth: Annotated points (N, 2) in pixels.
        scheme: Scheme of the points.
        mask: Bool (N,), which points are annotated; None uses all finite points.
        normalizer: One of

            - "inter-ocular": distance of the outer eye corners;
            - "inter-pupil": distance of the pupils;
            - "box": sqrt(width * height) of the tight box of the points. It also replaces the two distances above if an
              eye is not annotated;
            - "given box": sqrt(width * height) of ``dataset_box``;
            - "diagonal": diagonal of ``dataset_box``.
        dataset_box: The dataset's own box of the face (4,).

    Returns:
        The distance in pixels; NaN if it is unknown or 0.

    Raises:
        ArgumentError: If ``normalizer`` is unknown.
    """
    if normalizer not in NORMALIZATIONS:
        raise ArgumentError(f"normalizer must be one of {', '.join(NORMALIZATIONS)}, not {normalizer!r}")
    mask = np.isfinite(truth).all(-1) if mask is None else mask
    if normalizer in ("given box", "diagonal"):
        width, height = (np.nan, np.nan) if dataset_box is None else np.asarray(dataset_box[2:]) - dataset_box[:2]
        size = float(np.hypot(width, height) if normalizer == "diagonal" else np.sqrt(width * height))
        return size if size > 0 else float("nan")
    if normalizer != "box":
        size = eye_distance(truth, scheme.ocular if normalizer == "inter-ocular" else scheme.pupils, mask)
        if size > 0:
            return size
    x0, y0, x1, y1 = geometry.points_box(truth, mask)
    size = float(np.sqrt((x1 - x0) * (y1 - y0)))
    return size if size > 0 else float("nan")


def eye_distance(truth: np.ndarray, eyes: EyePoints | None, mask: np.ndarray) -> float:
    """Compute the distance between the means of the points of two eyes.

    Args:
        truth: Annotated points (N, 2).
        eyes: Indices of the points of each eye, such as `Scheme.ocular`.
        mask: Bool (N,), which points are annotated.

    Returns:
        The distance; NaN if ``eyes`` is None or one of their points is not annotated.
    """
    if eyes is None or not all(mask[list(ids)].all() for ids in eyes):
        return float("nan")
    left, right = (truth[list(ids)].mean(0) for ids in eyes)
    return float(np.linalg.norm(right - left))


def distances(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Compute the distances (N,) of points (N, 2) from the annotation (N, 2), float64; NaN if either is NaN."""
    return np.linalg.norm(np.asarray(points, np.float64) - np.asarray(truth, np.float64), axis=-1)


def nme(points: np.ndarray, truth: np.ndarray, scheme: Scheme, mask: np.ndarray | None = None) -> float:
    """Compute the normalized mean error of one face over its annotated points.

    Args:
        points: Predicted points (N, 2).
        truth: Annotated points (N, 2).
        scheme: Scheme of the points. The error is divided by the inter-ocular distance, see `normalizing_distance`.
        mask: Bool (N,), which points are annotated; None uses all finite points.

    Returns:
        The error as a fraction: 0.03 is 3 %. NaN if the face has no size.
    """
    mask = np.isfinite(truth).all(-1) if mask is None else mask
    return float(distances(points, truth)[mask].mean() / normalizing_distance(truth, scheme, mask))


def failure_rate(errors: np.ndarray, threshold: float = 0.1) -> float:
    """Compute the fraction of faces that fail.

    Args:
        errors: NME of each face (M,); NaN or infinity for a face that was not found, which counts as a failure.
        threshold: Largest NME of a face that does not fail.
    """
    return float(np.mean(~(np.asarray(errors) <= threshold)))


def auc(errors: np.ndarray, threshold: float = 0.1) -> float:
    """Compute the area under the cumulative error curve up to ``threshold``, divided by ``threshold``.

    Args:
        errors: NME of each face (M,); NaN or infinity for a face that was not found.
        threshold: End of the curve.

    Returns:
        0 to 1; higher is better.
    """
    errors = np.asarray(errors, dtype=np.float64)
    return float(np.clip(1 - np.where(np.isnan(errors), np.inf, errors) / threshold, 0, 1).mean())


def cumulative_errors(errors: np.ndarray, threshold: float = 0.1) -> list[tuple[float, float]]:
    """Compute points of the cumulative error distribution (CED).

    Args:
        errors: NME of each face (M,); NaN or infinity for a face that was not found.
        threshold: End of the curve, a multiple of `CED_STEP`.

    Returns:
        Pairs of an NME, in steps of `CED_STEP` from 0 to the threshold, and the fraction of the faces with at most this
        NME. At the threshold it is 1 minus the failure rate.
    """
    limits = [round(i * CED_STEP, 6) for i in range(round(threshold / CED_STEP) + 1)]
    return [(limit, float(np.mean(np.asarray(errors) <= limit))) for limit in limits]


def auroc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Compute the area under the receiver operating characteristic of a score.

    It is the probability that a random positive has a higher score than a random negative; a tie counts as 1/2.

    Args:
        positives: Scores (M,).
        negatives: Scores (K,).
    """
    below, up_to = (np.searchsorted(np.sort(negatives), positives, side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(negatives)))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Compute Spearman's rank correlation of two lists (M,), -1 to 1; NaN if one of them is constant.

    Equal values share the mean of their ranks.
    """
    ranks = []
    for values in (a, b):
        _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[group])
    x, y = (rank - rank.mean() for rank in ranks)
    norm = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / norm if norm > 0 else float("nan")


def nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    """Compute the mean of the finite values along an axis; NaN without a warning if there are none."""
    finite = np.isfinite(values)
    count = finite.sum(axis)
    with np.errstate(invalid="ignore"):
        return np.where(finite, values, 0).sum(axis) / np.where(count > 0, count, np.nan)
