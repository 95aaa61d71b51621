"""Placement of the numbers of a point scheme beside their points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from facelattice.schemes import Scheme

NUM_ANGLES = 24
RINGS = (1.0, 1.5, 2.2, 3.2, 4.5)  # distances from the point to the label, in gaps
NUM_ROUNDS = 4
# For `place_near_labels`: largest distance from the edge of a label to its point, in heights of the label, and largest
# ratio of this distance to the distance to another point. The ratio is above 1 so that pupils in large faces have
# labels.
MAX_DISTANCE = 1.0
MAX_DISTANCE_RATIO = 1.25
# Costs of a candidate position.
POINT_COST = 12.0  # each point under the label
LINE_COST = 1.5  # each line under it
WRONG_POINT_COST = 3.0  # another point is nearer than the label's own
OVERLAP_COST = 40.0  # full overlap with another label


def place_labels(scheme: Scheme, points: np.ndarray, sizes: np.ndarray, gap: float) -> np.ndarray:
    """Place labels near their points, so that they cover no points, lines and other labels if possible.

    Args:
        scheme: The scheme; its lines and regions are used.
        points: (N, 2), pixels.
        sizes: (N, 2), width and height of the labels in pixels.
        gap: Smallest distance of a label from its point, in pixels.

    Returns:
        Centers of the labels, (N, 2).
    """
    candidates = _candidates(points, sizes, gap)
    half_sizes = sizes / 2 + gap / 4
    costs = [_costs(scheme, points, i, places, half_sizes[i], gap) for i, places in enumerate(candidates)]
    centers = np.full_like(points, np.inf)
    for _ in range(NUM_ROUNDS):  # each label in turn moves to the best position beside the others
        for i, places in enumerate(candidates):
            overlap = half_sizes[i] + half_sizes - np.abs(places[:, None] - centers)
            overlap = overlap.clip(0).prod(2) / sizes[i].prod()
            overlap[:, i] = 0
            centers[i] = places[(costs[i] + OVERLAP_COST * overlap.sum(1)).argmin()]
    return centers


def place_near_labels(scheme: Scheme, points: np.ndarray, sizes: np.ndarray, gap: float) -> np.ndarray:
    """Place labels as `place_labels` does, but leave out those that are not clearly at their point.

    A label is left out if it would be farther from its point than `MAX_DISTANCE`, clearly nearer to another point, or
    over another label. If there is room after that, it gets another position.

    Args:
        scheme: As for `place_labels`.
        points: As for `place_labels`.
        sizes: As for `place_labels`.
        gap: As for `place_labels`.

    Returns:
        Centers of the labels, (N, 2); NaN for labels that are left out.
    """
    placed = place_labels(scheme, points, sizes, gap)
    candidates = _candidates(points, sizes, gap)
    centers = np.full_like(points, np.nan)
    for only_placed in (True, False):
        for i in np.flatnonzero(np.isnan(centers[:, 0])).tolist():
            places = placed[i][None] if only_placed else candidates[i]
            usable = _is_clear(points, sizes, i, places)
            overlaps = (np.abs(places[:, None] - centers) < (sizes[i] + sizes) / 2).all(2)  # false for NaN
            usable &= ~overlaps.any(1)
            if usable.any():
                costs = (
                    _costs(scheme, points, i, places, sizes[i] / 2 + gap / 4, gap) if len(places) > 1 else np.zeros(1)
                )
                centers[i] = places[np.where(usable, costs, np.inf).argmin()]
    return centers


def _is_clear(points: np.ndarray, sizes: np.ndarray, i: int, places: np.ndarray) -> np.ndarray:
    """Return for each place (C, 2) of label i whether it is near its point, and not clearly nearer to another."""
    gaps = (np.abs(places[:, None] - points) - sizes[i] / 2).clip(0)
    distances = np.linalg.norm(gaps, axis=2)  # from the edge of the label to each point
    own = distances[:, i].copy()
    distances[:, i] = np.inf
    return (own <= MAX_DISTANCE * sizes[i, 1]) & (own <= MAX_DISTANCE_RATIO * distances.min(1))


def _directions() -> np.ndarray:
    """Return unit vectors (NUM_ANGLES, 2) in all directions."""
    angles = np.linspace(0, 2 * np.pi, NUM_ANGLES, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def _candidates(points: np.ndarray, sizes: np.ndarray, gap: float) -> np.ndarray:
    """Return possible centers (N, C, 2): the near side or corner of a label is on a ring around its point."""
    around = _directions()
    offsets = gap * np.array(RINGS)[:, None, None] * around
    offsets = offsets + sizes[:, None, None] / 2 * np.clip(1.5 * around, -1, 1)
    return points[:, None] + offsets.reshape(len(points), -1, 2)


def _costs(
    scheme: Scheme, points: np.ndarray, i: int, places: np.ndarray, half_size: np.ndarray, gap: float
) -> np.ndarray:
    """Compute the costs (C,) of the candidates of label i, without other labels."""
    steps = np.linspace(0, 1, 10)[:, None]
    segments = [pair for line in scheme.lines for pair in pairwise(line)]
    ink = np.array([points[a] + steps * (points[b] - points[a]) for a, b in segments]).reshape(-1, 2)
    points_under = (np.abs(places[:, None] - points) < half_size + gap / 3).all(2).sum(1)
    ink_under = (np.abs(places[:, None] - ink) < half_size).all(2)
    lines_under = ink_under.reshape(len(places), len(segments), len(steps)).any(2).sum(1)
    nearest = np.linalg.norm(places[:, None] - points, axis=2).argmin(1)
    outward = _outward(scheme, points, i)
    outward /= np.linalg.norm(outward) + gap
    inward = np.tile(1 - _directions() @ outward, len(RINGS))
    distance = np.repeat(RINGS, NUM_ANGLES)
    return POINT_COST * points_under + LINE_COST * lines_under + WRONG_POINT_COST * (nearest != i) + inward + distance


def _outward(scheme: Scheme, points: np.ndarray, i: int) -> np.ndarray:
    """Return the direction from the center of the point's region, or of the face, to the point."""
    center = points.mean(0)
    for ids in scheme.regions.values():
        if i in ids and len(ids) > 1:
            center = points[list(ids)].mean(0)
    return points[i] - center
