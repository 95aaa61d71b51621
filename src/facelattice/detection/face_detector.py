"""The bundled face detector: the network of `detection.yunet` at several scales of an image.

Large images are processed in tiles. The measurements behind the constants are in docs/experiments.md.
"""

from __future__ import annotations

import math

import numpy as np

from facelattice import geometry
from facelattice.detection.yunet import detect_faces

# Some true faces have no higher confidence. Most detections below 0.5 are backs of heads, hands and blur, which
# `FaceAligner` rejects by the score of their landmarks.
_MIN_CONFIDENCE = 0.3
_NMS_THRESHOLD = 0.6

# Longer side in pixels of the downscaled image. The network finds 97 % of faces that are 24 px wide there and 34 % of
# those that are 12 px wide, so the base scale misses faces below 4 % of the image's longer side.
_BASE_SIDE = 640

# Images with a longer side above _FINE_FROM are also processed at FINE_SIDE, for faces up to _MAX_FINE_FACE px at that
# scale. Larger detections there are found at the base scale as well, or are parts of faces or plain surfaces.
_FINE_FROM, FINE_SIDE, _MAX_FINE_FACE = 960, 1824, 96

# Some large faces, especially painted ones, are only found at a coarse scale. These scales are used if no face fills
# _MIN_COARSE_SHARE of the image's longer side. Most smaller detections at these scales are hands.
_COARSE_SIDES, _MIN_COARSE_SHARE = (320, 160), 0.2

# For `quick_detect`. Smaller faces are located too roughly at this scale.
_QUICK_SIDE, _MIN_QUICK_CONFIDENCE, _MIN_QUICK_SHARE = 128, 0.8, 0.25

_TILE_SIDE = 672  # the network's maps of a larger tile do not fit into the processor's cache


class YuNetDetector:
    """The bundled detector, for faces of nearly any size in images of any size.

    Attributes:
        name: "yunet".
    """

    name = "yunet"

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detect faces.

        Args:
            image: RGB uint8 (H, W, 3).

        Returns:
            Boxes float32 (M, 4) in pixels of the image, best first, and confidences float32 (M,), 0.3 to 1.
        """
        longer = max(image.shape[:2])
        found = [_detect_at_scale(image, _BASE_SIDE)]
        if not (_longer_sides(found[0][0]) >= _MIN_COARSE_SHARE * longer).any():
            found += [
                _detect_at_scale(image, side, min_face=_MIN_COARSE_SHARE * side)
                for side in _COARSE_SIDES
                if side < longer
            ]
        if longer > _FINE_FROM:
            found.append(_detect_at_scale(image, FINE_SIDE, max_face=_MAX_FINE_FACE))
        boxes, confidences = (np.concatenate(parts) for parts in zip(*found, strict=True))
        keep = geometry.nms(boxes, confidences, _NMS_THRESHOLD)
        return boxes[keep], confidences[keep]


def quick_detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Detect one large face, in about a tenth of the time of `YuNetDetector`.

    Args:
        image: RGB uint8 (H, W, 3).

    Returns:
        Boxes float32 (M, 4), best first, and confidences float32 (M,), as from `YuNetDetector` at the scale of 128
        pixels. Both are empty if no face has a confidence of 0.8 and fills a quarter of the image's longer side.
    """
    boxes, confidences = _detect_at_scale(image, _QUICK_SIDE)
    is_large = _longer_sides(boxes) >= _MIN_QUICK_SHARE * max(image.shape[:2])
    if not (is_large & (confidences >= _MIN_QUICK_CONFIDENCE)).any():
        return boxes[:0], confidences[:0]
    keep = geometry.nms(boxes, confidences, _NMS_THRESHOLD)
    return boxes[keep], confidences[keep]


def _detect_at_scale(
    image: np.ndarray, side: int, min_face: float = 0, max_face: float = math.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Detect faces in the image downscaled to ``side`` px; only those of ``min_face`` to ``max_face`` px there."""
    height, width = image.shape[:2]
    factor = max(1.0, max(height, width) / side)
    matrix = geometry.downscale_transform(factor)
    if factor > 1:
        size = max(1, round(width / factor)), max(1, round(height / factor))
        image = geometry.warp(image, matrix, size, blur=False)  # blur takes time and does not change the detections
    found = []
    for rows in _tiles(image.shape[0]):
        for columns in _tiles(image.shape[1]):
            tile_boxes, tile_confidences = detect_faces(image[rows, columns])
            found.append((tile_boxes + np.array([columns.start, rows.start] * 2, np.float32), tile_confidences))
    boxes, confidences = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sides = _longer_sides(boxes)
    keep = (confidences >= _MIN_CONFIDENCE) & (sides >= min_face) & (sides <= max_face)
    return geometry.apply(geometry.invert(matrix), boxes[keep].reshape(-1, 2, 2)).reshape(-1, 4), confidences[keep]


def _longer_sides(boxes: np.ndarray) -> np.ndarray:
    """Return the longer side (M,) of each box (M, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(1)


def _tiles(length: int) -> list[slice]:
    """Split a side into the fewest equal tiles whose overlap contains the largest face of the fine scale."""
    if length <= _TILE_SIDE:
        return [slice(0, length)]
    count = math.ceil((length - _MAX_FINE_FACE) / (_TILE_SIDE - _MAX_FINE_FACE))
    size = math.ceil((length + (count - 1) * _MAX_FINE_FACE) / count)
    starts = np.linspace(0, length - size, count).round().astype(int)
    return [slice(start, start + size) for start in starts]
