import numpy as np
import pytest

from facelattice import geometry
from facelattice.detection import YuNetDetector, detect_turned


@pytest.mark.parametrize("roll", [90, 180, -90, 45, -135])
def test_turned_face_is_found_where_it_is(photo, roll):
    (upright,), _ = YuNetDetector()(photo)
    turned, matrix = geometry.turn_image(photo, -roll)
    boxes, confidences = detect_turned(YuNetDetector(), turned, roll)
    assert boxes.shape == (1, 4)
    assert boxes.dtype == confidences.dtype == np.float32
    assert confidences[0] > 0.8
    center = geometry.apply(matrix, geometry.box_center(upright))
    assert np.abs(geometry.box_center(boxes[0]) - center).max() < 3
    assert boxes[0, 2:] - boxes[0, :2] == pytest.approx(upright[2:] - upright[:2], rel=0.1)  # as if it was upright


@pytest.mark.parametrize("roll", [90, 45])
def test_turned_background_has_no_face(photo, roll):
    boxes, confidences = detect_turned(YuNetDetector(), photo[:200, 300:], roll)
    assert (boxes.shape, confidences.shape) == ((0, 4), (0,))


def test_large_image_is_downscaled(photo):
    large = np.kron(photo[:250, 100:350], np.ones((8, 8, 1), np.uint8))  # 2000 px
    (box,), _ = detect_turned(YuNetDetector(), np.rot90(large, 2), 180)
    center = 1999 - geometry.box_center(box)
    assert np.abs(center / 8 + [100, 0] - [222.5, 119]).max() < 5
