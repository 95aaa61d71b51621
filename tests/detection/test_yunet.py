"""Boxes of the bundled network, compared with those of libfacedetection's own implementation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.detection.yunet import detect_faces
from facelattice.image_io import load_image

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
EXPECTED = {  # (width, height): rows of x0, y0, x1, y1 in pixels and confidence
    (512, 512): [[177.95, 62.70, 267.54, 174.73, 0.9316]],
    (300, 300): [[104.53, 37.25, 157.42, 101.46, 0.9392]],
    (511, 333): [[182.22, 30.11, 263.39, 119.98, 0.9233]],
    (90, 123): [[31.26, 16.85, 46.07, 36.76, 0.8376]],
    (960, 960): [[335.95, 117.01, 507.58, 329.45, 0.9476]],
}


@pytest.mark.parametrize("size", EXPECTED)
def test_boxes_equal_those_of_libfacedetection(size):
    boxes, confidences = detect_faces(cv2.resize(load_image(ASTRONAUT), size))
    assert boxes.dtype == confidences.dtype == np.float32
    found = np.column_stack([boxes, confidences])
    np.testing.assert_allclose(found[found[:, 4].argsort()], EXPECTED[size], atol=0.01)
