from __future__ import annotations

import numpy as np
import pytest

from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.face_marks import OTHER_COLORS, REGION_COLORS
from facelattice.visualization.scheme_chart import draw_scheme
from facelattice.visualization.scheme_layout import schematic_layout


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_scheme_chart_has_a_colored_dot_for_each_point(scheme):
    chart = draw_scheme(scheme, 600)
    assert (chart.shape, chart.dtype) == ((600, 600, 3), np.uint8)
    colors = np.array([*REGION_COLORS.values(), *OTHER_COLORS])
    for point in 600 * (0.07 + 0.86 * mean_shape(scheme)) - 0.5:
        assert np.abs(colors - chart[tuple(np.round(point[::-1]).astype(int))].astype(int)).max(1).min() <= 40


def test_scheme_chart_is_reproducible():
    np.testing.assert_array_equal(draw_scheme(get_scheme("five"), 200), draw_scheme(get_scheme("five"), 200))


def test_own_scheme_is_drawn_in_its_layout_or_on_a_given_shape():
    scheme = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})
    shape = np.array([[10, 10], [30, 10], [20, 40]])
    for chart, places in (
        (draw_scheme(scheme, 600), schematic_layout(scheme)),
        (draw_scheme(scheme, 600, shape), np.array([[1 / 6, 0], [5 / 6, 0], [0.5, 1]])),
    ):
        for x, y in np.round(600 * (0.07 + 0.86 * places) - 0.5).astype(int):
            assert np.abs(np.array(OTHER_COLORS[0]) - chart[y, x]).max() <= 40
