"""Labels for photos that have none: a model's own points, kept where it agrees with itself (self-training).

    for picture, points, mask in label(FaceAligner("ibug68"), photos):
        ...

Each face is looked at again in crops that are shifted, resized, turned and mirrored. A point that the model sees stays
where it is in the photo; one that it guesses moves with the crop, and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.aligner import FaceAligner
from facelattice.pictures import PictureError, read_picture
from facelattice.runtime import Model

VIEWS = 8
SHIFT, GROWTH, ROTATION = 0.04, 0.07, 15.0  # of a view: deviations as shares of the side; degrees to either side
LIMIT = 0.015  # points that move more, as a mean over the views, are left out: share of the side of the face's box
LEAST = 0.3  # share of the points that must agree, or the face is left out


def label(
    aligner: FaceAligner, pictures: Iterable[Path], on_error: Callable[[Path, PictureError], None]
) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """The faces that the aligner finds in pictures: (path, points (N, 2), mask (N,)), pixels, agreed points masked in.

    ``on_error`` is called for pictures that cannot be read.
    """
    for path in pictures:
        try:
            picture = read_picture(path)
        except PictureError as error:
            on_error(path, error)
            continue
        for face in aligner(picture):
            points, spread = agree(aligner.model, picture, face.points)
            mask = spread < LIMIT
            if mask.mean() >= LEAST:
                yield path, points, mask


def agree(model: Model, picture: np.ndarray, points: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The median over views of the face at ``points`` (N, 2), float32 (N, 2), and how far views lie from it, (N,).

    The distance is the mean over the views, as a share of the longer side of the points' box.
    """
    rng = np.random.default_rng(seed)
    box = geometry.points_box(points)
    crops, matrices = [], []
    for view in range(VIEWS):
        moved = geometry.jitter_box(box, SHIFT, GROWTH, rng)
        mirrored = view % 2 == 1
        matrices.append(
            geometry.crop_transform(moved, model.size, model.margin, rng.uniform(-ROTATION, ROTATION), mirrored)
        )
        crops.append(geometry.warp(picture, matrices[-1], model.size))
    found, _ = model(np.stack(crops))
    found[1::2] = found[1::2, model.scheme.mirror]
    seen = np.stack([geometry.apply(geometry.invert(m), p) for m, p in zip(matrices, found, strict=True)])
    middle = np.median(seen, axis=0)
    return middle.astype(np.float32), np.linalg.norm(seen - middle, axis=-1).mean(0) / geometry.box_side(box)
