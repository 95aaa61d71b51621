"""Annotation: one face as the formats with more than points tell of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Annotation(NamedTuple):
    """image: the image's name as the file has it. points: float32 (N, 2), NaN where missing. mask: bool (N,), which
    are there. hidden: bool (N,), which of those cannot be seen. box: (4,), x0, y0, x1, y1, None where none is given."""

    image: str
    points: np.ndarray
    mask: np.ndarray
    hidden: np.ndarray
    box: np.ndarray | None
