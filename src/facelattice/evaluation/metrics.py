"""The field's error measures, exact. numpy only.

NME: mean distance of a face's points from the annotation, over a size of that face. Failure rate: the share of faces
with an NME over a threshold. AUC: the mean of clip(1 - NME / t, 0, 1), which is the area under the cumulative error
curve up to t.
"""

from __future__ import annotations

import numpy as np

from facelattice import geometry
from facelattice.schemes import Scheme


def face_size(truth: np.ndarray, scheme: Scheme, mask: np.ndarray | None = None) -> float:
    """What errors of this face (N, 2) are divided by, pixels: the distance of the outer eye corners.

    Where the scheme has none or they are not annotated: the root of the area of the tight box. NaN where that is 0 too.
    """
    mask = np.isfinite(truth).all(-1) if mask is None else mask
    size = 0.0
    if scheme.ocular is not None and all(mask[list(ids)].all() for ids in scheme.ocular):
        left, right = (truth[list(ids)].mean(0) for ids in scheme.ocular)
        size = float(np.linalg.norm(right - left))
    if size <= 0:
        x0, y0, x1, y1 = geometry.points_box(truth, mask)
        size = float(np.sqrt((x1 - x0) * (y1 - y0)))
    return size if size > 0 else float("nan")


def nme(points: np.ndarray, truth: np.ndarray, scheme: Scheme, mask: np.ndarray | None = None) -> float:
    """Normalised mean error of one face, over its annotated points: a share of `face_size`, so 0.03 is 3 %."""
    mask = np.isfinite(truth).all(-1) if mask is None else mask
    distance = np.linalg.norm(np.asarray(points, np.float64)[mask] - np.asarray(truth, np.float64)[mask], axis=-1)
    return float(distance.mean() / face_size(truth, scheme, mask))


def failure_rate(errors: np.ndarray, threshold: float = 0.1) -> float:
    """The share of faces (M,) with an NME over ``threshold``; a face not found (NaN or infinity) is a failure."""
    return float(np.mean(~(np.asarray(errors) <= threshold)))


def auc(errors: np.ndarray, threshold: float = 0.1) -> float:
    """The area under the cumulative error curve up to ``threshold``, 0 to 1; a face not found counts as 0."""
    errors = np.asarray(errors, dtype=np.float64)
    return float(np.clip(1 - np.where(np.isnan(errors), np.inf, errors) / threshold, 0, 1).mean())
