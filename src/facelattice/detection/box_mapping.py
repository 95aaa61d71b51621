"""The mapping from a detector's boxes to landmark boxes.

Detectors differ in what their boxes include: hair, ears, neck. A landmark model is trained on the tight boxes of the
landmarks. The mapping is fitted once on training faces and stored in the model file under the detector's name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError


def fit_box_mapping(detector_boxes: np.ndarray, landmark_boxes: np.ndarray) -> dict[str, Any]:
    """Fit the mapping from a detector's boxes to the landmark boxes of the same faces.

    Args:
        detector_boxes: Boxes (M, 4) from the detector.
        landmark_boxes: Landmark boxes (M, 4) of the same faces.

    Returns:
        ``{"offset": [x, y], "scale": s}``, medians over the faces: the offset of the landmark box's center and its
        longer side, in units of sqrt(width * height) of the detector's box.

    Raises:
        ArgumentError: If there are no boxes, or the shapes differ.
    """
    detected = np.asarray(detector_boxes, dtype=np.float64)
    truth = np.asarray(landmark_boxes, dtype=np.float64)
    if detected.shape != truth.shape or detected.ndim != 2 or detected.shape[1] != 4 or not len(detected):
        raise ArgumentError(
            f"detector boxes and landmark boxes must both be (M, 4) with M > 0, not {detected.shape} and {truth.shape}"
        )
    unit = np.sqrt((detected[:, 2:] - detected[:, :2]).prod(1))
    offset = (geometry.box_center(truth) - geometry.box_center(detected)) / unit[:, None]
    scale = (truth[:, 2:] - truth[:, :2]).max(1) / unit
    return {"offset": [round(float(v), 4) for v in np.median(offset, 0)], "scale": round(float(np.median(scale)), 4)}


def map_box(box: np.ndarray, mapping: dict[str, Any], roll: float = 0.0) -> np.ndarray:
    """Map a detector's box to the landmark box.

    Args:
        box: The detector's box (4,).
        mapping: The result of `fit_box_mapping`.
        roll: Roll of the face in degrees, clockwise.

    Returns:
        The landmark box (4,), a square.
    """
    box = np.asarray(box, dtype=np.float64)
    unit = np.sqrt((box[2:] - box[:2]).prod())
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    offset = np.array([[cos, -sin], [sin, cos]]) @ mapping["offset"]
    return geometry.square_box(geometry.box_center(box) + offset * unit, mapping["scale"] * unit)
