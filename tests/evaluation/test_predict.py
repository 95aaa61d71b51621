from __future__ import annotations

import numpy as np
import pytest

from facelattice import geometry
from facelattice.evaluation.predict import match_boxes, noisy_box


def test_boxes_match_one_to_one_by_decreasing_iou():
    """IoU of a 10 x 10 box and itself shifted by 1 px: 9 / 11, by 3 px: 7 / 13, by 5 px: 5 / 15, by 6 px: 4 / 16."""
    box = np.array([0.0, 0, 10, 10])

    def shifted(x: float) -> np.ndarray:
        return box + np.array([x, 0, x, 0])

    assert match_boxes([shifted(3), shifted(1)], [box]) == [1]
    assert match_boxes([shifted(5)], [box]) == [0]
    assert match_boxes([shifted(6)], [box]) == [None]
    assert match_boxes([shifted(6)], [box], min_iou=0.2) == [0]
    assert match_boxes([], [box]) == [None]
    assert match_boxes([shifted(0)], []) == []
    # The candidate overlaps both boxes enough and belongs to the second.
    assert match_boxes([shifted(4)], [box, shifted(5)]) == [None, 0]
    # The second box takes the first candidate, so the first box gets the other one.
    assert match_boxes([shifted(2), shifted(-4)], [box, shifted(2)]) == [1, 0]


def test_noisy_boxes_have_the_stated_noise():
    box = np.array([100.0, 200, 300, 280])  # center (200, 240), longer side 200
    boxes = [noisy_box(box, seed=3, index=index) for index in range(400)]
    shifts = np.array([geometry.box_center(one) - [200, 240] for one in boxes]) / 200
    scales = np.log([geometry.box_side(one) / 200 for one in boxes])
    assert shifts.std(0) == pytest.approx([0.05, 0.05], rel=0.15)
    assert scales.std() == pytest.approx(0.1, rel=0.15)
    assert np.abs([*shifts.mean(0), scales.mean()]).max() < 0.015


def test_noisy_boxes_depend_on_seed_and_index():
    box = np.array([100.0, 200, 300, 280])
    assert noisy_box(box, 3, 7).tolist() == noisy_box(box, 3, 7).tolist()
    assert noisy_box(box, 3, 7).tolist() != noisy_box(box, 4, 7).tolist()
    assert noisy_box(box, 3, 7).tolist() != noisy_box(box, 3, 8).tolist()
