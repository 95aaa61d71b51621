"""Face boxes: any function from an image to boxes is a detector. The bundled one is behind the name "yunet".

    detect = get_detector("yunet")
    boxes, confidences = detect(image)       # float32 (M, 4) x0 y0 x1 y1, float32 (M,) from 0 to 1

Every detector has its own idea of where a face ends. A model is trained on boxes around its landmarks, so the
difference is measured once on training faces (`fit_box_mapping`), kept in the model file, and applied by `map_box`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.detection.yunet import detect_faces

Detector = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# On annotated WFLW training photos the detector finds 98.5 % of the faces at a confidence of 0.5 or more and 0.4 points
# more at 0.3, where most of what it finds is backs of heads, hands and blur. What is left of those gets a low score
# from its landmarks.
MIN_CONFIDENCE = 0.5

# Measured on shrunken 300-W training faces: found are 97 % of those 24 px wide, 73 % at 16 px, 34 % at 12 px. Faces of
# 640 px are found too. So one look at 640 px misses only faces below 4 % of the image's longer side, and a fine one
# at up to 1824 px, for images over 960 px, those below 1.3 %. It is for faces up to 96 px, 34 px in the first look.
_SIDE = 640
_FINE_FROM, _FINE_SIDE, _FINE_LARGEST = 960, 1824, 96
_TILE = 672  # at once: with more, the network's maps leave the processor's cache, and a pixel takes a third more time

# Some large faces, painted ones above all, show only from afar. Where the first look has none that fills a fifth of the
# image, looks at 320 and 160 px found two more in WFLW training photos, both annotated, and nothing else. What they
# find that is smaller is mostly hands.
_COARSE_SIDES, _COARSE_SHARE = (320, 160), 0.2

# Where one face is wanted: a glance at 128 px takes a tenth of the first look's time, and finds each of 109 HELEN
# training faces, which fill almost half of their images, at a confidence of 0.9. Around a face of less than a quarter
# its box is too rough, and a second look of a large landmark model costs more than the glance saves.
_GLANCE_SIDE, _GLANCE_SURE, _GLANCE_SHARE = 128, 0.8, 0.25


def get_detector(detector: str | Detector) -> Detector:
    """The detector of that name, or the function itself. Raises ValueError, naming those known, for any other name."""
    if callable(detector):
        return detector
    if detector not in DETECTORS:
        raise ValueError(f"unknown detector {detector!r}; known are {', '.join(DETECTORS)}, or give a function")
    return DETECTORS[detector]


def detect_multi_scale(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces found by libfacedetection, whose small network is in yunet.onnx.

    image: uint8 RGB (H, W, 3), of any size. Gives boxes float32 (M, 4) in its pixels and confidences float32 (M,)
    from 0.5 to 1, best first.
    """
    longer = max(image.shape[:2])
    looks = [_look(image, _SIDE)]
    if not (_sides(looks[0][0]) >= _COARSE_SHARE * longer).any():
        looks += [_look(image, side, smallest=_COARSE_SHARE * side) for side in _COARSE_SIDES if side < longer]
    if longer > _FINE_FROM:
        # Larger boxes of the fine look are faces that the first has, halves of them, and smooth walls.
        looks.append(_look(image, _FINE_SIDE, largest=_FINE_LARGEST))
    boxes, confidences = (np.concatenate(parts) for parts in zip(*looks, strict=True))
    keep = suppress(boxes, confidences, 0.6)
    return boxes[keep], confidences[keep]


def quick_detect(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `detect_multi_scale` finds in the image made small, if it is sure of a large face there; else none."""
    boxes, confidences = _look(image, _GLANCE_SIDE)
    sure = (confidences >= _GLANCE_SURE) & (_sides(boxes) >= _GLANCE_SHARE * max(image.shape[:2]))
    keep = suppress(boxes, confidences, 0.6) if sure.any() else []
    return boxes[keep], confidences[keep]


DETECTORS: dict[str, Detector] = {"yunet": detect_multi_scale}
QUICK_DETECTORS: dict[str, Detector] = {"yunet": quick_detect}  # quick, and enough where one large face is wanted


def suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Non-maximum suppression: which of the boxes (M, 4) to keep, best score first.

    A box goes where it shares more than ``threshold`` of the smaller of the two areas with a better one: that catches
    half a face at the edge of a tile too, which intersection over union does not.
    """
    if len(boxes) < 2:
        return list(range(len(boxes)))
    kept: list[int] = []
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for i in np.argsort(-scores, kind="stable"):
        sides = np.minimum(boxes[kept, 2:], boxes[i, 2:]) - np.maximum(boxes[kept, :2], boxes[i, :2])
        shared = sides.clip(0).prod(1)
        if (shared <= threshold * np.minimum(area[kept], area[i])).all():
            kept.append(int(i))
    return kept


def fit_box_mapping(detector_boxes: np.ndarray, landmark_boxes: np.ndarray) -> dict[str, Any]:
    """What takes a detector's boxes (M, 4) to the landmark boxes (M, 4) of the same faces: ``{"offset", "scale"}``.

    Offset (x, y) of the center and longer side of the landmark box, in units of sqrt(w h) of the detector's box: the
    medians over the faces. Raises ValueError where there are no faces or the shapes differ.
    """
    found = np.asarray(detector_boxes, dtype=np.float64)
    truth = np.asarray(landmark_boxes, dtype=np.float64)
    if found.shape != truth.shape or found.ndim != 2 or found.shape[1] != 4 or not len(found):
        raise ValueError(f"boxes must be (M, 4) and match, M > 0, not {found.shape} and {truth.shape}")
    unit = np.sqrt((found[:, 2:] - found[:, :2]).prod(1))
    offset = (geometry.box_center(truth) - geometry.box_center(found)) / unit[:, None]
    scale = (truth[:, 2:] - truth[:, :2]).max(1) / unit
    return {"offset": [round(float(v), 4) for v in np.median(offset, 0)], "scale": round(float(np.median(scale)), 4)}


def map_box(box: np.ndarray, mapping: dict[str, Any]) -> np.ndarray:
    """The square landmark box (4,) that ``mapping``, from `fit_box_mapping`, expects at a detector's box (4,)."""
    box = np.asarray(box, dtype=np.float64)
    unit = np.sqrt((box[2:] - box[:2]).prod())
    center = geometry.box_center(box) + np.asarray(mapping["offset"]) * unit
    return geometry.square_box(center, mapping["scale"] * unit)


def _look(
    image: np.ndarray, side: int, smallest: float = 0, largest: float = math.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and confidences of the faces whose sides are from ``smallest`` to ``largest`` px in the image shrunk to
    ``side`` px, looked at tile by tile."""
    height, width = image.shape[:2]
    factor = max(1.0, max(height, width) / side)
    shrink = geometry.downscale_transform(factor)
    if factor > 1:
        size = max(1, round(width / factor)), max(1, round(height / factor))
        image = geometry.warp(image, shrink, size, blur=False)  # it finds the same without
    found = []
    for rows in _tiles(image.shape[0]):
        for columns in _tiles(image.shape[1]):
            tile, sure = detect_faces(image[rows, columns])
            found.append((tile + np.array([columns.start, rows.start] * 2, np.float32), sure))
    boxes, confidences = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sides = _sides(boxes)
    keep = (confidences >= MIN_CONFIDENCE) & (sides >= smallest) & (sides <= largest)
    return geometry.apply(geometry.invert(shrink), boxes[keep].reshape(-1, 2, 2)).reshape(-1, 4), confidences[keep]


def _sides(boxes: np.ndarray) -> np.ndarray:
    """The longer side (M,) of each of the boxes (M, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).max(1)


def _tiles(length: int) -> list[slice]:
    """As few parts of a side as ``_TILE`` allows, equally long, and overlapping so that a small face lies whole in
    one."""
    if length <= _TILE:
        return [slice(0, length)]
    count = math.ceil((length - _FINE_LARGEST) / (_TILE - _FINE_LARGEST))
    size = math.ceil((length + (count - 1) * _FINE_LARGEST) / count)
    starts = np.linspace(0, length - size, count).round().astype(int)
    return [slice(start, start + size) for start in starts]
