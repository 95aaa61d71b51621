"""Checks of a dataset after reading: images that are missing, and points that look like missing ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facelattice.datasets.readers.annotations import image_folders
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.messages import get_logger

# Other programs write missing points as 0,0 or -1,-1. In files that count from 1, these become -1,-1 or -2,-2.
PLACEHOLDERS = (0, -1, -2)


def check_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Check the faces of a dataset, and warn of points that may be missing.

    Args:
        path: The dataset, for messages.
        samples: Its faces.

    Raises:
        DataError: If none of the images exists, or the coordinates are fractions of the image and not pixels.
    """
    images = dict.fromkeys(sample.path for sample in samples)
    if not any(os.path.exists(image) for image in images):  # false also for names that are too long
        folders = f", also in {', '.join(map(str, image_folders(path)[1:]))}" if path.is_file() else ""
        raise DataError(
            f"{path}: none of its {len(images)} images is found; the first was looked for at {samples[0].path}{folders}"
        )
    points = np.concatenate([sample.points[sample.mask] for sample in samples])
    if points.min() >= 0 and points.max() <= 1:
        raise DataError(f"{path}: all coordinates are from 0 to 1; multiply them by the size of the image, in pixels")
    warn_of_placeholders(path, points)


def warn_of_placeholders(path: Path, points: np.ndarray) -> None:
    """Warn of points (M, 2) of a file that may be missing."""
    num_placeholders = sum(int((points == value).all(1).sum()) for value in PLACEHOLDERS)
    if num_placeholders:
        get_logger().warning(
            "%s: %d points are at exactly 0,0 or -1,-1; leave them empty if they are missing", path, num_placeholders
        )
