"""The sparse landmark graph: from annotated faces to the neighbors of each landmark (section III-B).

    shapes = normalize_shapes(points, mirror)       # (2M, N, 2), every face in its own unit box, and its mirror image
    graph = adjacency(correlation(shapes), k=3)     # (N, N) bool, row i: the neighbors of landmark i
    relative = laplacian(graph) @ points            # (N, 2), each point relative to the mean of its neighbors

Shapes: M faces, N landmarks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facelattice.exceptions import ArgumentError


def normalize_shapes(points: np.ndarray, mirror: np.ndarray | None) -> Tensor:
    """Scale every face to the unit box of its own points, and append its mirror image.

    In pixels of the image every correlation would be close to 1, because the position of the face explains nearly all
    variation. The mirror images make the graph symmetric between left and right.

    Args:
        points: Landmarks in pixels, (M, N, 2), NaN where missing.
        mirror: The scheme's permutation (N,) under a horizontal flip; None for no mirror images.

    Returns:
        Shapes, float64 (2M, N, 2), or (M, N, 2) without mirror images.
    """
    points = np.asarray(points, dtype=np.float64)
    low, high = np.nanmin(points, axis=1, keepdims=True), np.nanmax(points, axis=1, keepdims=True)
    shapes = (points - low) / np.maximum(high - low, 1e-9)
    if mirror is None:
        return torch.from_numpy(shapes)
    flipped = shapes[:, mirror] * [-1, 1] + [1, 0]
    return torch.from_numpy(np.concatenate([shapes, flipped]))


def correlation(points: Tensor | np.ndarray) -> Tensor:
    """Compute the correlation of every pair of landmarks, C = (|Cx| + |Cy|) / 2, with Pearson's Cx and Cy (eq. 3).

    A missing point (NaN) removes its face from the pairs of that point only. A point that never moves has correlation
    0.

    Args:
        points: Face-normalized landmarks, (M, N, 2), see `normalize_shapes`.

    Returns:
        Correlations, float64 (N, N).

    Raises:
        ArgumentError: If the shape is not (M, N, 2).
    """
    points = torch.as_tensor(points, dtype=torch.float64)
    if points.ndim != 3 or points.shape[2] != 2:
        raise ArgumentError(f"points must be (M, N, 2), not {tuple(points.shape)}")
    return (_pearson(points[..., 0]).abs() + _pearson(points[..., 1]).abs()) / 2


def _pearson(values: Tensor) -> Tensor:
    """Compute the Pearson correlation (N, N) of the columns of (M, N), over the rows that contain both."""
    present = values.isfinite().double()
    x = (values - values.nanmean(0)).nan_to_num() * present
    count = (present.T @ present).clamp(min=1)
    total = x.T @ present  # [i, j]: sum of column i over the rows that contain j
    covariance = x.T @ x - total * total.T / count
    variance = (x * x).T @ present - total * total / count
    scale = (variance * variance.T).clamp(min=0).sqrt()
    return torch.where(scale > 1e-12, covariance / scale.clamp(min=1e-12), 0.0)


def adjacency(correlation: Tensor | np.ndarray, k: int, symmetric: bool = False) -> Tensor:
    """Connect each landmark to itself and to the ``k`` landmarks with the highest correlation (eq. 4).

    Args:
        correlation: Correlations (N, N).
        k: Number of neighbors, from 0 to N - 1.
        symmetric: Add the reverse of every edge, as the released code does for its network. The paper's graph is
            directed, with N (k + 1) ones.

    Returns:
        Adjacency, bool (N, N), with the diagonal. Row i marks the neighbors of landmark i.

    Raises:
        ArgumentError: If ``correlation`` is not square or ``k`` does not fit.
    """
    # Rounded: a landmark on the axis of the face correlates equally with both landmarks of a pair, up to rounding
    # errors that differ between machines. The stable sort then takes the first of them everywhere.
    ranked = torch.as_tensor(correlation, dtype=torch.float64).clone().round(decimals=9)
    n = len(ranked)
    if ranked.shape != (n, n) or not 0 <= k < n:
        raise ArgumentError(f"k must be from 0 to {n - 1} for {n} points, not {k}")
    ranked.fill_diagonal_(torch.inf)
    nearest = ranked.argsort(dim=1, descending=True, stable=True)[:, : k + 1]
    graph = torch.zeros(n, n, dtype=torch.bool).scatter_(1, nearest, True)
    return graph | graph.T if symmetric else graph


def laplacian(adjacency: Tensor) -> Tensor:
    """Compute the normalized graph Laplacian, L = I - D^-1 A, without self-loops (eq. 8).

    ``L @ points`` is the position of each point relative to the mean of its neighbors. Every row sums to 0; a point
    without neighbors has a row of zeros.

    Args:
        adjacency: Graph, bool (N, N); the diagonal is ignored.

    Returns:
        L, float32 (N, N).
    """
    a = torch.as_tensor(adjacency).to(torch.float64, copy=True)
    a.fill_diagonal_(0)
    degree = a.sum(1, keepdim=True)
    return (torch.eye(len(a)) * (degree > 0) - a / degree.clamp(min=1)).float()
