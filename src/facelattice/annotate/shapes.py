"""The point scheme of a project as a file, and initial shapes of faces for projects without a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.atomic_files import write_file
from facelattice.datasets.sample import Sample, mean_shape_of
from facelattice.point_names import parse_numbers, split_name
from facelattice.schemes import SCHEMES, Scheme, mean_shape

MAX_PAIR_DISTANCE = 0.15  # of a point and the mirror image of its partner, in sizes of the face
# Common names of points that are not in the built-in schemes, and the points of ibug68 whose mean they are.
_COMMON = {
    ("left", "eye"): range(36, 42), ("right", "eye"): range(42, 48), ("nose",): [30], ("chin",): [8],
    ("mouth",): range(48, 68), ("left", "mouth"): [48], ("right", "mouth"): [54],
    ("left", "brow"): range(17, 22), ("right", "brow"): range(22, 27),
    ("left", "ear"): [0], ("right", "ear"): [16],
}  # fmt: skip


def initial_shape(scheme: Scheme) -> np.ndarray:
    """Return a shape for a scheme without annotated faces.

    Points with names of a built-in scheme, or common names such as left_eye, are at their position in a mean face. The
    others are on an ellipse, in their order, so that none covers another.

    Returns:
        Float32 (N, 2), relative to the center of the box that the 68 points of ibug68 have, in units of its longer
        side.
    """
    if scheme.name in SCHEMES:
        places: list[np.ndarray | None] = list(mean_shape(scheme))
    else:
        known = _known_places()
        is_numbered = parse_numbers(scheme.names) is not None  # numbers have no meaning
        places = [None if is_numbered else known.get(tuple(sorted(split_name(name)))) for name in scheme.names]
    angles = np.linspace(0, 2 * np.pi, len(scheme), endpoint=False) - np.pi / 2
    ellipse = np.column_stack([0.5 + 0.4 * np.cos(angles), 0.5 + 0.45 * np.sin(angles)])
    points = np.array([ellipse[i] if place is None else place for i, place in enumerate(places)])
    face = geometry.points_box(mean_shape(SCHEMES["ibug68"]))
    return ((points - geometry.box_center(face)) / geometry.box_side(face)).astype(np.float32)


def average_shape(samples: Sequence[Sample]) -> np.ndarray | None:
    """Return the mean shape of the complete faces, or of all faces if none is complete.

    Returns:
        Float32 (N, 2) as `normalize` returns; None if a point is in no face.
    """
    average = mean_shape_of(list(samples))
    if average is None:
        masks = np.array([sample.mask for sample in samples])
        if not masks.size or not masks.any(0).all():
            return None
        centered = [
            (sample.points - geometry.box_center(sample.box)) / geometry.box_side(sample.box) for sample in samples
        ]
        average = np.nanmean(np.where(masks[..., None], centered, np.nan), axis=0)
    return normalize(average)


def place_shape(shape: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Scale a shape to the longer side of a box (4,), and center it there. Float32 (N, 2)."""
    return (geometry.box_center(box) + shape * geometry.box_side(box)).astype(np.float32)


def suggest_pairs(shape: np.ndarray) -> list[tuple[int, int]]:
    """Suggest mirror pairs: two points that are each close to the mirror image of the other.

    Args:
        shape: Mean shape (N, 2) of upright faces, in units of the face's size.

    Returns:
        Pairs of indices, the smaller one first. Points near the axis of the face are in no pair.
    """
    axis = (shape[:, 0].min() + shape[:, 0].max()) / 2
    mirrored = np.column_stack([2 * axis - shape[:, 0], shape[:, 1]])
    distances = np.linalg.norm(mirrored[:, None] - shape[None], axis=-1)
    order = sorted((float(distances[i, j]), i, j) for i in range(len(shape)) for j in range(i, len(shape)))
    used: set[int] = set()
    pairs = []
    for distance, i, j in order:
        if distance < MAX_PAIR_DISTANCE and not {i, j} & used:
            used |= {i, j}
            if i != j:
                pairs.append((i, j))
    return sorted(pairs)


def normalize(shape: np.ndarray) -> np.ndarray:
    """Return a shape (N, 2) relative to the center of its box, in units of the longer side. Float32."""
    box = geometry.points_box(shape)
    return ((shape - geometry.box_center(box)) / max(geometry.box_side(box), 1e-9)).astype(np.float32)


def write_scheme(path: Path, scheme: Scheme) -> None:
    """Write a scheme as a YAML file, which `schemes.get_scheme` reads."""
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in scheme.to_dict().items()]  # JSON values are YAML too
    write_file(path, "".join(lines))


def _known_places() -> dict[tuple[str, ...], np.ndarray]:
    """Return the places of points in a mean face, by the sorted words of their names."""
    mean = mean_shape(SCHEMES["ibug68"])
    places = {tuple(sorted(words)): mean[list(ids)].mean(0) for words, ids in _COMMON.items()}
    for scheme in SCHEMES.values():
        shape = mean_shape(scheme)
        for name, place in zip(scheme.names, shape, strict=True):
            places.setdefault(tuple(sorted(split_name(name))), place)
    return places
