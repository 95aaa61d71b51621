"""Face detection: the bundled detector, detectors of your own, and the mapping of their boxes to landmark boxes.

Example:
    detector = get_detector("yunet")
    boxes, confidences = detector(image)  # RGB uint8 (H, W, 3) -> float32 (M, 4), (M,)
"""

from facelattice.detection.box_mapping import fit_box_mapping, map_box
from facelattice.detection.detector import Detector, get_detector
from facelattice.detection.face_detector import YuNetDetector, quick_detect
from facelattice.detection.turned import detect_turned

__all__ = [
    "Detector",
    "YuNetDetector",
    "detect_turned",
    "fit_box_mapping",
    "get_detector",
    "map_box",
    "quick_detect",
]
