"""Detection of turned faces: the bundled detector finds upright faces only, so the image is turned.

The measurements behind the constants are in docs/experiments.md.
"""

from __future__ import annotations

import numpy as np

from facelattice import geometry
from facelattice.detection.face_detector import FINE_SIDE, YuNetDetector

# Faces that are not upright rarely have this confidence. Two thirds of upright crowds contain a face that has it.
SURE_CONFIDENCE = 0.9
TURNS = (90.0, -90.0, 180.0, 45.0, -45.0, 135.0, -135.0)  # most turned photos are turned by quarters

# If no face in the turned image has SURE_CONFIDENCE, most detections below this are hands and clothes.
_MIN_TURNED_CONFIDENCE = 0.6


def detect_turned(detector: YuNetDetector, image: np.ndarray, roll: float) -> tuple[np.ndarray, np.ndarray]:
    """Detect faces with a roll.

    Args:
        detector: The bundled detector.
        image: RGB uint8 (H, W, 3).
        roll: Roll of the faces in degrees, clockwise; faces within about 45 degrees of it are found.

    Returns:
        Boxes float32 (M, 4) in pixels of the image, best first, of the size that they have around upright faces (see
        `geometry.upright_box`), and confidences float32 (M,), 0.3 to 1.
    """
    turned, matrix = geometry.turn_image(image, roll, FINE_SIDE)
    boxes, confidences = detector(turned)
    keep = (confidences >= _MIN_TURNED_CONFIDENCE) | (confidences >= SURE_CONFIDENCE).any()
    corners = geometry.apply(geometry.invert(matrix), boxes[keep].reshape(-1, 2, 2))
    boxes = np.array([geometry.upright_box(box, roll) for box in corners], np.float32).reshape(-1, 4)
    return boxes, confidences[keep]
