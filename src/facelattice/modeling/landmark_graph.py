"""The sparse landmark graph: from annotated faces to who may listen to whom (section III-B of the paper).

shapes = normalize(points, mirror)                  # (2M, N, 2): every face in its own box, and its mirror image
graph = neighbors(correlation(shapes), k=3)        # (N, N) bool, row i: the points that point i listens to
L = laplacian(graph)                                # L @ points: each point relative to the mean of its neighbors
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def normalize(points: np.ndarray, mirror: np.ndarray) -> Tensor:
    """Faces (M, N, 2) in pixels, NaN where a point is missing -> shapes (2M, N, 2) in the unit box of each face.

    In raw image coordinates every correlation is near 1 and the graph means nothing: where the face is explains it
    all. Each face is followed by its mirror image (``mirror`` (N,) is the scheme's permutation), so that left and
    right agree.
    """
    points = np.asarray(points, dtype=np.float64)
    low, high = np.nanmin(points, axis=1, keepdims=True), np.nanmax(points, axis=1, keepdims=True)
    shapes = (points - low) / np.maximum(high - low, 1e-9)
    flipped = shapes[:, mirror] * [-1, 1] + [1, 0]
    return torch.from_numpy(np.concatenate([shapes, flipped]))


def correlation(points: Tensor | np.ndarray) -> Tensor:
    """How closely points move together: (M, N, 2) -> (N, N), C = (|Cx| + |Cy|) / 2 with Pearson's Cx and Cy (eq. 3).

    ``points`` are in face-normalized coordinates (`normalize`). Missing points (NaN) leave a face out of their own
    pairs only. A point that never moves correlates with nothing (0). Raises ValueError on any other shape.
    """
    points = torch.as_tensor(points, dtype=torch.float64)
    if points.ndim != 3 or points.shape[2] != 2:
        raise ValueError(f"points must be (M, N, 2), not {tuple(points.shape)}")
    return (_pearson(points[..., 0]).abs() + _pearson(points[..., 1]).abs()) / 2


def _pearson(values: Tensor) -> Tensor:
    """Pearson correlation (N, N) of the columns of (M, N), over the rows where both are present."""
    present = values.isfinite().double()
    x = (values - values.nanmean(0)).nan_to_num() * present
    count = (present.T @ present).clamp(min=1)
    total = x.T @ present  # [i, j]: sum of column i over the rows where j is present too
    covariance = x.T @ x - total * total.T / count
    variance = (x * x).T @ present - total * total / count
    scale = (variance * variance.T).clamp(min=0).sqrt()
    return torch.where(scale > 1e-12, covariance / scale.clamp(min=1e-12), 0.0)


def neighbors(correlation: Tensor | np.ndarray, k: int, symmetric: bool = False) -> Tensor:
    """Each point listens to itself and to the ``k`` points it moves with most: (N, N) -> bool (N, N) (eq. 4).

    Directed, as the paper writes it: N (k + 1) ones. ``symmetric`` adds the other direction of every edge, as the
    released code does for its network. Raises ValueError unless 0 <= k < N.
    """
    # A point on the axis moves alike with both of a pair, up to rounding: the first of equals is taken, on any machine.
    ranked = torch.as_tensor(correlation, dtype=torch.float64).clone().round(decimals=9)
    n = len(ranked)
    if ranked.shape != (n, n) or not 0 <= k < n:
        raise ValueError(f"k must be from 0 to {n - 1} for {n} points, not {k}")
    ranked.fill_diagonal_(torch.inf)
    nearest = ranked.argsort(dim=1, descending=True, stable=True)[:, : k + 1]
    graph = torch.zeros(n, n, dtype=torch.bool).scatter_(1, nearest, True)
    return graph | graph.T if symmetric else graph


def laplacian(neighbors: Tensor) -> Tensor:
    """L = I - D^-1 A (N, N): L @ P is each point relative to the mean of its neighbors, itself left out (eq. 8).

    A point without neighbors has a row of zeros, so every row sums to 0.
    """
    adjacency = torch.as_tensor(neighbors).to(torch.float64, copy=True)
    adjacency.fill_diagonal_(0)
    degree = adjacency.sum(1, keepdim=True)
    return (torch.eye(len(adjacency)) * (degree > 0) - adjacency / degree.clamp(min=1)).float()
