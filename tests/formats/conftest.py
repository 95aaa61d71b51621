from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from facelattice.face import Face
from facelattice.schemes import get_scheme, mean_shape


@pytest.fixture
def make_face() -> Callable[..., Face]:
    """Make a face: the mean face of a scheme, ``scale`` pixels wide; the first ``missing`` points are NaN."""

    def make(name: str = "five", scale: float = 100.0, score: float = 0.9, missing: int = 0) -> Face:
        scheme = get_scheme(name)
        points = mean_shape(scheme) * scale - 3.125
        box = np.concatenate([points.min(0), points.max(0)])
        points[:missing] = np.nan
        return Face(points, np.full(len(points), 1.5, np.float32), score, box, scheme)

    return make
