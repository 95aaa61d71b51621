import numpy as np
import pytest

from facelattice import geometry
from facelattice.evaluation.predict import noisy_box, pair


def test_boxes_belong_together_one_to_one_by_how_much_they_overlap():
    """Overlaps with a box of 10 x 10: moved by 1 px 9 / 11, by 3 px 7 / 13, by 5 px 5 / 15 = 0.33, by 6 px 4 / 16."""
    wanted = np.array([0.0, 0, 10, 10])

    def moved(x: float) -> np.ndarray:
        return wanted + np.array([x, 0, x, 0])

    assert pair([moved(3), moved(1)], [wanted]) == [1]
    assert pair([moved(5)], [wanted]) == [0]
    assert pair([moved(6)], [wanted]) == [None]
    assert pair([], [wanted]) == [None]
    assert pair([moved(0)], []) == []
    # The one found overlaps both by enough; it is of the second, and the first has none.
    assert pair([moved(4)], [wanted, moved(5)]) == [None, 0]
    # The second takes it first, so the first gets the other, which overlaps it less.
    assert pair([moved(2), moved(-4)], [wanted, moved(2)]) == [1, 0]


def test_noisy_boxes_are_as_noisy_as_they_say_and_each_in_its_own_way():
    box = np.array([100.0, 200, 300, 280])  # its middle is at (200, 240), its longer side 200
    boxes = [noisy_box(box, seed=3, index=index) for index in range(400)]
    shifts = np.array([geometry.box_center(each) - [200, 240] for each in boxes]) / 200
    growth = np.log([geometry.box_side(each) / 200 for each in boxes])
    assert shifts.std(0) == pytest.approx([0.05, 0.05], rel=0.15)
    assert growth.std() == pytest.approx(0.1, rel=0.15)
    assert np.abs([*shifts.mean(0), growth.mean()]).max() < 0.015
    assert noisy_box(box, 3, 7).tolist() == boxes[7].tolist() != noisy_box(box, 4, 7).tolist()
