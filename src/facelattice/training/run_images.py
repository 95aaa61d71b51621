"""Images of a training run: the augmented crops of a batch, and predictions beside annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from facelattice import geometry
from facelattice.datasets.face_crops import CropItem, FaceCrops
from facelattice.face import Face
from facelattice.schemes import Scheme
from facelattice.training.validation import Validation
from facelattice.visualization.faces import draw_faces

BATCH_TILE, VAL_TILE = 192, 160  # sides of one crop, pixels
BATCH_COLUMNS, MAX_TRAIN_CROPS = 4, 16
VAL_ROWS = 4  # of two worst and two random faces each
CAPTION = 18  # height of a line of text, pixels
BACKGROUND, TEXT = (255, 255, 255), (40, 44, 52)


def draw_train_batch(batch: Mapping[str, Tensor], scheme: Scheme) -> np.ndarray:
    """Draw crops as the network gets them, with their points. Hidden points are hollow.

    Args:
        batch: "crop" uint8 (B, S, S, 3), "points" (B, N, 2), "mask" (B, N) and "visibility" (B, N).
        scheme: The scheme of the points.

    Returns:
        RGB uint8 (H, W, 3).
    """
    tiles = []
    for i in range(len(batch["crop"])):
        crop, points, mask, visibility = (batch[key][i].numpy() for key in ("crop", "points", "mask", "visibility"))
        points = np.where(mask[:, None], points, np.nan)
        tiles.append(_draw_tile(crop, points, scheme, BATCH_TILE, hidden=visibility == 0))
    return _grid(tiles, BATCH_COLUMNS)


def draw_val_predictions(validation: Validation, crops: FaceCrops, scheme: Scheme) -> np.ndarray:
    """Draw validation faces, each with its annotation on the left and the prediction on the right.

    Args:
        validation: The predictions.
        crops: The crops of the validation faces.
        scheme: The scheme of the points.

    Returns:
        RGB uint8 (H, W, 3): on the left up to eight faces with the largest NME, on the right up to eight random ones,
        the same in each epoch.
    """
    by_error = sorted(validation.errors, key=lambda index: -validation.errors[index])
    worst = by_error[: 2 * VAL_ROWS]
    order = np.random.default_rng(0).permutation(len(crops))
    random = [index for index in order.tolist() if index in validation.errors][: 2 * VAL_ROWS]
    columns = []
    for title, chosen in (("largest NME", worst), ("random", random)):
        pairs = [_draw_pair(validation, crops[0, index, index], crops.samples[index].path, scheme) for index in chosen]
        grid = _grid(pairs, 2)
        title = f"{title}: annotation | prediction"
        columns.append(np.concatenate([_caption(title, grid.shape[1]), grid]))
    gap = np.full((len(columns[0]), CAPTION, 3), BACKGROUND, np.uint8)
    return np.concatenate([columns[0], gap, columns[1]], 1)


def _draw_pair(validation: Validation, item: CropItem, path: Path, scheme: Scheme) -> np.ndarray:
    """Draw one face: annotation, prediction, and a caption with its NME and its file."""
    index, crop, mask = item["index"], item["crop"].numpy(), item["mask"].numpy()
    truth = np.where(mask[:, None], item["points"].numpy(), np.nan)
    tiles = [
        _draw_tile(crop, truth, scheme, VAL_TILE),
        _draw_tile(crop, validation.points[index], scheme, VAL_TILE, validation.expected_errors[index]),
    ]
    caption = _caption(f"{100 * validation.errors[index]:.1f} %  {path.name}", 2 * VAL_TILE)
    return np.concatenate([np.concatenate(tiles, 1), caption])


def _draw_tile(
    crop: np.ndarray,
    points: np.ndarray,
    scheme: Scheme,
    side: int,
    expected_errors: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a crop (S, S, 3) at another size with its points (N, 2); points that are NaN are left out."""
    scale = side / len(crop)
    image = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    known = np.isfinite(points).all(1)
    if not known.any():
        return image
    points = (points + 0.5) * scale - 0.5  # whole numbers are pixel centers
    errors = np.zeros(len(points)) if expected_errors is None else expected_errors * scale
    visibility = None if hidden is None else np.where(hidden, 0.0, 1.0)
    box = geometry.points_box(points[known])
    return draw_faces(image, [Face(points, errors, 1.0, box, scheme, visibility=visibility)])


def _caption(text: str, width: int) -> np.ndarray:
    line = np.full((CAPTION, width, 3), BACKGROUND, np.uint8)
    cv2.putText(line, text, (3, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, TEXT, 1, cv2.LINE_AA)
    return line


def _grid(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Put tiles of one size in rows, with blank ones at the end."""
    blank = np.full_like(tiles[0], 255)
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    rows = [np.concatenate(padded[start : start + columns], 1) for start in range(0, len(padded), columns)]
    return np.concatenate(rows)
