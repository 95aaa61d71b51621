"""The predictions of a network on the validation faces, and their errors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Validation:
    """Predictions on validation faces by index; faces that cannot be measured are left out.

    Attributes:
        errors: NME of each face.
        points: Predicted points of each face, (N, 2), pixels of the crop.
        expected_errors: Expected errors of each face before they are calibrated, (N,), pixels of the crop.
    """

    errors: dict[int, float] = field(default_factory=dict)
    points: dict[int, np.ndarray] = field(default_factory=dict)
    expected_errors: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def nme(self) -> float:
        """The mean over the faces."""
        return float(np.mean(list(self.errors.values())))
