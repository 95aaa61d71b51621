"""The interface of face detectors, and the choice of one by name.

A detector is any callable that takes an image and returns boxes and confidences:

    def detect(image):  # RGB uint8 (H, W, 3)
        return boxes, confidences  # (M, 4): x0, y0, x1, y1 in pixels; (M,): 0 to 1

    aligner = FaceAligner(detector=detect)

The `name` of a detector selects the box mapping in a model file (see `detection.box_mapping`). A wrapper around the
bundled detector can use the name "yunet" to get the same mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from facelattice.detection.face_detector import YuNetDetector
from facelattice.exceptions import ArgumentError


class Detector(Protocol):
    """A face detector."""

    @property
    def name(self) -> str:
        """Name under which model files store the mapping of the detector's boxes; may be a plain attribute."""

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detect faces.

        Args:
            image: RGB uint8 (H, W, 3).

        Returns:
            Boxes (M, 4), x0, y0, x1, y1 in pixels of the image, and confidences (M,), 0 to 1.
        """


DetectFunction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A function with the signature of `Detector.__call__`."""


def get_detector(detector: str | Detector | DetectFunction) -> Detector:
    """Return a detector by its name, or a detector that checks the results of a callable.

    Args:
        detector: "yunet" for the bundled detector, a `Detector`, or a function. A callable without a `name` gets its
            module and its Python name as name.

    Returns:
        The detector. If it wraps a callable, its call raises ArgumentError for results of the wrong form.

    Raises:
        ArgumentError: If the name is unknown, or ``detector`` is neither a name nor callable.
    """
    if isinstance(detector, YuNetDetector | _CheckedDetector):
        return detector
    if detector == YuNetDetector.name:
        return YuNetDetector()
    if not callable(detector):
        raise ArgumentError(f"unknown detector {detector!r}; use {YuNetDetector.name!r} or pass a function")
    return _CheckedDetector(detector, getattr(detector, "name", None) or _python_name(detector))


@dataclass(frozen=True)
class _CheckedDetector:
    """A user's detector whose results are checked."""

    function: DetectFunction
    name: str

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        result = self.function(image)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise self._error(f"{_describe(result)}; return ones as confidences if it has none")
        boxes, confidences = (np.asarray(values, dtype=np.float32) for values in result)
        if boxes.size == 0 and confidences.size == 0:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or confidences.shape != boxes.shape[:1]:
            raise self._error(f"arrays of shapes {boxes.shape} and {confidences.shape}")
        return boxes, confidences

    def _error(self, returned: str) -> ArgumentError:
        return ArgumentError(
            f"detector {self.name!r} must return boxes (M, 4) and confidences (M,), but returned {returned}"
        )


def _python_name(function: Any) -> str:
    """Return module and name of a function, or of the class of another callable."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _describe(result: Any) -> str:
    shape = getattr(result, "shape", None)
    if shape is not None:
        return f"an array of shape {tuple(shape)}"
    return f"a {type(result).__name__} of length {len(result)}" if hasattr(result, "__len__") else repr(result)
