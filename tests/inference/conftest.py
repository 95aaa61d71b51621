from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from facelattice.inference.model_info import ModelInfo
from facelattice.inference.onnx_model import CropPredictions
from facelattice.schemes import get_scheme


class BlobModel:
    """A model without a network: it finds the bright rectangle in a dark crop.

    The five points are the corners and the center of the rectangle. Expected errors are ``error`` px of the crop.
    ``batches`` contains the number of crops in each call.
    """

    extra_views_below = 0.7

    def __init__(self, error: float = 1.0, mapping: dict[str, Any] | None = None):
        self.scheme, self.crop_size, self.crop_margin = get_scheme("five"), 64, 1.5
        self.info = ModelInfo(
            name="blob", scheme=self.scheme, crop_size=64, crop_margin=1.5, detectors={"yunet": mapping}
        )
        self.error, self.batches = error, []

    def __call__(self, crops: np.ndarray) -> CropPredictions:
        self.batches.append(len(crops))
        points = np.full((len(crops), 5, 2), 31.5, np.float32)
        for i, crop in enumerate(crops):
            y, x = np.nonzero(crop[:, :, 0] > 100)
            if len(x):
                x0, x1, y0, y1 = x.min(), x.max(), y.min(), y.max()
                points[i] = [(x0, y0), (x1, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x0, y1), (x1, y1)]
        errors, visibility = (np.full((len(crops), 5), value, np.float32) for value in (self.error, 0.75))
        return CropPredictions(points, errors, visibility)


def _draw_blobs(*corners: tuple[int, int], side: int = 100) -> np.ndarray:
    image = np.zeros((400, 600, 3), np.uint8)
    for x, y in corners:
        image[y : y + side + 1, x : x + side + 1] = 255
    return image


@pytest.fixture(scope="session")
def blob_model() -> type[BlobModel]:
    return BlobModel


@pytest.fixture(scope="session")
def draw_blobs() -> Callable[..., np.ndarray]:
    """Draw bright squares with the given upper left corners into a dark image (400, 600)."""
    return _draw_blobs
