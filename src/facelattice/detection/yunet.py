"""YuNet, the network of the bundled face detector.

`yunet.onnx` holds the network and weights of libfacedetection (BSD-3-Clause, see `yunet.LICENSE.txt`), 0.2 MB.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from facelattice.onnx_session import session_options

_STRIDES = (8, 16, 32)
_OUTPUTS = ("cls", "obj", "bbox")  # for each stride: (1, 1, h, w), (1, 1, h, w), (1, 4, h, w)
_MIN_CONFIDENCE, _NMS_IOU = 0.2, 0.45  # the values of libfacedetection

# Images up to this size run on one thread: the sixty operations are too short to share.
_MAX_SINGLE_THREAD_PIXELS = 256 * 256


def detect_faces(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Detect faces by one run of the network.

    Args:
        image: RGB uint8 (H, W, 3).

    Returns:
        Boxes float32 (M, 4), x0, y0, x1, y1 in pixels of the image, and confidences float32 (M,), 0.2 to 1.
    """
    height, width = image.shape[:2]
    multiple = max(_STRIDES)
    padded = np.zeros((1, -(-height // multiple) * multiple, -(-width // multiple) * multiple, 3), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_RGB2BGR, dst=padded[0, :height, :width])
    session = _session(1 if height * width <= _MAX_SINGLE_THREAD_PIXELS else None)
    maps = session.run([f"{name}_{stride}" for stride in _STRIDES for name in _OUTPUTS], {"image": padded})
    levels = [_decode(maps[3 * i : 3 * i + 3], stride) for i, stride in enumerate(_STRIDES)]
    boxes, confidences = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    keep = list(cv2.dnn.NMSBoxes(boxes.tolist(), confidences.tolist(), _MIN_CONFIDENCE, _NMS_IOU))
    boxes[:, 2:] += boxes[:, :2]
    # The network measures from the edge of the first pixel; facelattice measures from its center.
    return boxes[keep] - np.float32(0.5), confidences[keep]


def _decode(maps: list[np.ndarray], stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Decode one stride's maps to boxes x, y, width, height (M, 4) and confidences (M,)."""
    cls, obj, bbox = maps
    confidence = 1 / np.sqrt((1 + np.exp(-cls[0, 0])) * (1 + np.exp(-obj[0, 0])))
    rows, columns = np.nonzero(confidence >= _MIN_CONFIDENCE)
    x, y, width, height = bbox[0][:, rows, columns]
    center = np.stack([columns + x, rows + y], axis=1)
    size = np.exp(np.stack([width, height], axis=1))
    boxes = stride * np.concatenate([center - size / 2, size], axis=1)
    return boxes.astype(np.float32), confidence[rows, columns]


@functools.cache
def _session(threads: int | None) -> onnxruntime.InferenceSession:
    path = Path(__file__).with_suffix(".onnx")
    return onnxruntime.InferenceSession(path.read_bytes(), session_options(threads), providers=["CPUExecutionProvider"])
