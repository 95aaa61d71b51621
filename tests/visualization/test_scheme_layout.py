from __future__ import annotations

import numpy as np
import pytest

from facelattice.schemes import SCHEMES, Scheme
from facelattice.visualization.scheme_layout import schematic_layout


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
def test_pairs_are_mirror_images_and_no_points_coincide(scheme):
    shape = schematic_layout(scheme)
    np.testing.assert_allclose(shape[scheme.mirror] * [-1, 1] + [1, 0], shape, atol=1e-6)
    assert (shape >= 0).all()
    assert (shape <= 1).all()
    assert len(np.unique(shape.round(4), axis=0)) == len(scheme)


def test_points_without_pairs_are_on_a_circle():
    shape = schematic_layout(Scheme.from_dict({"name": "mine", "points": 4}))
    np.testing.assert_allclose(shape, [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]], atol=1e-6)
