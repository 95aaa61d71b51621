from __future__ import annotations

import numpy as np
from facelattice_synthetic.head import AVERAGE, Expression, build_head
from facelattice_synthetic.landmarks import PLACES, TO_68


def test_fixed_landmarks_lie_where_they_were_chosen(generator):
    places = generator.landmarks.fixed.locate(generator.rest)
    for number, place in zip(generator.landmarks.numbers, places, strict=True):
        assert place[2] > 1.2, f"{number} is not at the front of the face"
        if number in PLACES:
            np.testing.assert_allclose(place[:2], PLACES[number], atol=1e-6)


def test_landmarks_follow_the_lips(assets, generator):
    closed, opened = (
        generator.landmarks.fixed.locate(
            assets.skin_matrix @ build_head(assets, AVERAGE, Expression({"jawOpen": amount}, (0, 0)))
        )
        for amount in (0, 0.8)
    )
    number = {int(n): k for k, n in enumerate(generator.landmarks.numbers)}
    moved = (closed - opened)[:, 1]
    assert moved[number[85]] > 0.2
    assert abs(moved[number[79]]) < 0.05
    assert moved[number[94]] > 0.15


def test_68_of_the_98_points():
    assert len(TO_68) == 68
    assert TO_68[[0, 8, 16, 17, 21, 22, 26, 27, 30, 33, 36, 39, 42, 45, 48, 54, 57, 67]].tolist() == [
        0, 16, 32, 33, 37, 42, 46, 51, 54, 57, 60, 64, 68, 72, 76, 82, 85, 95,
    ]  # fmt: skip
