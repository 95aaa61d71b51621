"""Checks of a point scheme against annotated faces: mirror pairs, and points that are never annotated.

Training mirrors half of the crops. A point off the axis of the face without a mirror partner, or with a wrong one, is
then trained to be on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facelattice import geometry
from facelattice.datasets.sample import Sample
from facelattice.messages import list_some, pluralize, shell_command
from facelattice.point_names import contains_side
from facelattice.schemes import Scheme

# A point is symmetric if the mean of its mirror images is no farther from its partner than MAX_DISTANCE (in sides of
# the face's box) plus Z standard errors, which allow for heads that are turned to one side by chance.
MAX_DISTANCE, Z = 0.04, 3.0
MIN_FACES = 5
MAX_LISTED = 10


def describe_pairs(scheme: Scheme, source: str | None = None) -> str:
    """Describe the mirror pairs of a scheme and the points without a partner.

    Args:
        scheme: The scheme.
        source: Its name or file. If given, a long list of names is replaced by the command that prints it.
    """
    pairs = [f"{scheme.names[a]} - {scheme.names[b]}" for a, b in scheme.pairs]
    single = [scheme.names[i] for i, k in enumerate(scheme.mirror) if i == k]
    count = pluralize(len(pairs), "mirror pair")
    if source is not None and len(scheme) > MAX_LISTED:
        command = shell_command("facelattice", "schemes", source)
        return f"{count}, {len(single)} points without a partner; names: {command}"
    return f"{count}: {', '.join(pairs) or 'none'}; without a partner: {', '.join(single) or 'none'}"


def find_problems(samples: Sequence[Sample]) -> list[str]:
    """Check the scheme of training faces.

    Args:
        samples: Training faces, all of one scheme.

    Returns:
        One warning for each kind of problem, with the names of the points: points that no face has annotated, pairs
        that do not mirror into each other, and points off the axis without a partner.
    """
    scheme = samples[0].scheme
    num_annotated = np.sum([sample.mask for sample in samples], axis=0)
    symmetric = _are_symmetric(samples) if len(samples) >= MIN_FACES else np.ones(len(scheme), bool)
    wrong = [f"{scheme.names[a]} - {scheme.names[b]}" for a, b in scheme.pairs if not symmetric[[a, b]].all()]
    without_partner = [i for i, k in enumerate(scheme.mirror) if i == k]
    single = [scheme.names[i] for i in without_partner if not symmetric[i] or contains_side(scheme.names[i])]
    unknown = [scheme.names[i] for i in np.flatnonzero(num_annotated == 0)]
    problems = [
        ("no face has these points annotated, so the model cannot learn them", unknown),
        ("these mirror pairs of the scheme are not mirrored in the faces; check `pairs`", wrong),
        ("these points are beside the axis of the face and have no mirror partner; add them to `pairs`", single),
    ]
    return [f"{text}: {list_some(names, MAX_LISTED)}" for text, names in problems if names]


def _are_symmetric(samples: Sequence[Sample]) -> np.ndarray:
    """Return for each point whether its mirror image is where its partner is, on average over the faces, bool (N,)."""
    scheme = samples[0].scheme
    shapes = _align(samples)  # (M, N, 2)
    known = np.isfinite(shapes).all(-1)
    center, direction = _find_axis(_nanmedian(shapes), scheme)
    reflected = shapes - 2 * ((shapes - center) @ direction)[..., None] * direction
    offsets = reflected[:, scheme.mirror] - shapes
    both = known & known[:, scheme.mirror]
    num_faces = both.sum(0)
    offsets = np.where(both[..., None], offsets, 0)
    mean = offsets.sum(0) / np.maximum(num_faces, 1)[:, None]
    variance = np.where(both, np.square(offsets - mean).sum(-1), 0).sum(0) / np.maximum(num_faces - 1, 1)
    limit = MAX_DISTANCE + Z * np.sqrt(variance / np.maximum(num_faces, 1))
    return (np.linalg.norm(mean, axis=1) <= limit) | (num_faces == 0)


def _align(samples: Sequence[Sample]) -> np.ndarray:
    """Return the shapes (M, N, 2) in units of their box sides, each fitted to the median shape; NaN where unknown."""
    shapes = np.stack([np.where(sample.mask[:, None], sample.points, np.nan).astype(np.float64) for sample in samples])
    boxes = np.stack([sample.box for sample in samples])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
    shapes = (shapes - (boxes[:, None, :2] + boxes[:, None, 2:]) / 2) / sides[:, None, None]
    median = _nanmedian(shapes)
    for i, shape in enumerate(shapes):
        shared = np.isfinite(shape).all(1) & np.isfinite(median).all(1)
        if len(np.unique(shape[shared], axis=0)) > 1:
            shapes[i] = geometry.apply(geometry.similarity(shape[shared], median[shared]), shape)
    return shapes


def _nanmedian(shapes: np.ndarray) -> np.ndarray:
    known = np.isfinite(shapes).any(0)
    return np.where(known, np.nanmedian(np.where(known, shapes, 0), axis=0), np.nan)


def _find_axis(shape: np.ndarray, scheme: Scheme) -> tuple[np.ndarray, np.ndarray]:
    """Find the axis of a face: a point on it (2,), and the direction across it (2,).

    The axis goes through the middles of the pairs, at a right angle to the lines between partners; medians tolerate a
    few wrong pairs. Without pairs that lie side by side, the axis is vertical through the center of the face.
    """
    pairs = np.array([pair for pair in scheme.pairs if np.isfinite(shape[list(pair)]).all()], dtype=int).reshape(-1, 2)
    lines = shape[pairs[:, 1]] - shape[pairs[:, 0]]
    lines *= np.where(lines[:, :1] < 0, -1, 1)
    lines /= np.maximum(np.linalg.norm(lines, axis=1, keepdims=True), 1e-9)
    direction = np.median(lines, axis=0) if len(lines) else np.zeros(2)
    if direction[0] <= abs(direction[1]):
        return np.nanmean(shape, axis=0), np.array([1.0, 0.0])
    return np.median(shape[pairs].mean(1), axis=0), direction / np.linalg.norm(direction)
