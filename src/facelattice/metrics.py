"""The field's error measures, exact. numpy only.

NME: mean distance of a face's points from the annotation, over a size of that face. Failure rate: the share of faces
with an NME over a threshold. AUC: the mean of clip(1 - NME / t, 0, 1), which is the area under the cumulative error
curve up to t.
"""

from __future__ import annotations

import numpy as np

from facelattice import geometry
from facelattice.schemes import PointGroups, Scheme

NORMALIZATIONS = ("inter-ocular", "inter-pupil", "box", "given box", "diagonal")


def normalizing_distance(
    truth: np.ndarray,
    scheme: Scheme,
    mask: np.ndarray | None = None,
    normalizer: str = "inter-ocular",
    dataset_box: np.ndarray | None = None,
) -> float:
    """What errors of this face (N, 2) are divided by, pixels; NaN where that cannot be said, or is 0.

    inter-ocular: the distance of the outer eye corners. inter-pupil: that of the pupils. box: sqrt(w h) of the tight
    box, which also stands in for eyes that are not annotated. given box: sqrt(w h) of the data set's own box (4,);
    diagonal: the diagonal of that. Raises ValueError for any other normalizer.
    """
    if normalizer not in NORMALIZATIONS:
        raise ValueError(f"errors are divided by one of {', '.join(NORMALIZATIONS)}, not by {normalizer!r}")
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


def eye_distance(truth: np.ndarray, eyes: PointGroups | None, mask: np.ndarray) -> float:
    """The distance between the means of two groups of points, such as `Scheme.ocular`; NaN where one is missing."""
    if eyes is None or not all(mask[list(ids)].all() for ids in eyes):
        return float("nan")
    left, right = (truth[list(ids)].mean(0) for ids in eyes)
    return float(np.linalg.norm(right - left))


def distances(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How far points (N, 2) lie from the annotation, (N,), in its pixels, float64; NaN where either is missing."""
    return np.linalg.norm(np.asarray(points, np.float64) - np.asarray(truth, np.float64), axis=-1)


def nme(points: np.ndarray, truth: np.ndarray, scheme: Scheme, mask: np.ndarray | None = None) -> float:
    """Normalized mean error of one face, over its annotated points: a share of `normalizing_distance`, so 0.03 is 3 %."""
    mask = np.isfinite(truth).all(-1) if mask is None else mask
    return float(distances(points, truth)[mask].mean() / normalizing_distance(truth, scheme, mask))


def failure_rate(errors: np.ndarray, threshold: float = 0.1) -> float:
    """The share of faces (M,) with an NME over ``threshold``; a face not found (NaN or infinity) is a failure."""
    return float(np.mean(~(np.asarray(errors) <= threshold)))


def auc(errors: np.ndarray, threshold: float = 0.1) -> float:
    """The area under the cumulative error curve up to ``threshold``, 0 to 1; a face not found counts as 0."""
    errors = np.asarray(errors, dtype=np.float64)
    return float(np.clip(1 - np.where(np.isnan(errors), np.inf, errors) / threshold, 0, 1).mean())


def auroc(more: np.ndarray, less: np.ndarray) -> float:
    """The chance that one of ``more`` (M,) is larger than one of ``less`` (K,), a tie counting half: the area under the
    receiver operating characteristic."""
    below, upto = (np.searchsorted(np.sort(less), more, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(less)))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two lists (M,), -1 to 1, ties at their mean rank; NaN where one does not vary."""
    ranks = []
    for values in (a, b):
        _, place, count = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - (count - 1) / 2)[place])
    x, y = (rank - rank.mean() for rank in ranks)
    spread = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / spread if spread > 0 else float("nan")
