"""Positions of the points of a scheme without a mean face, to draw its numbers, pairs and lines."""

from __future__ import annotations

import numpy as np

from facelattice.schemes import Scheme

NARROW, WIDE = 0.2, 0.4  # distances of paired points from the axis, in turn


def schematic_layout(scheme: Scheme) -> np.ndarray:
    """Place the points of a scheme.

    Mirror pairs are side by side and other points on the axis, from top to bottom in the order of their numbers.
    Without pairs, the points are on a circle.

    Args:
        scheme: The scheme.

    Returns:
        Float32 (N, 2) in the unit square.
    """
    shape = np.zeros((len(scheme), 2), np.float32)
    if not scheme.pairs:
        angles = 2 * np.pi * np.arange(len(scheme)) / len(scheme)
        shape[:] = 0.5 + 0.5 * np.stack([np.sin(angles), -np.cos(angles)], 1)
        return shape
    on_axis = [(i,) for i, partner in enumerate(scheme.mirror) if i == partner]
    rows = sorted([*scheme.pairs, *on_axis], key=min)
    for height, row in zip(np.linspace(0, 1, len(rows)), rows, strict=True):
        shape[list(row), 1] = height
    for number, (left, right) in enumerate(row for row in rows if len(row) == 2):
        distance = WIDE if number % 2 else NARROW
        shape[[left, right], 0] = 0.5 - distance, 0.5 + distance
    shape[[i for (i,) in on_axis], 0] = 0.5
    return shape
