"""YuNet, the network of the bundled face detector.

    boxes, confidences = detect_faces(image)      # uint8 RGB (H, W, 3) -> (M, 4): x0, y0, x1, y1, and (M,), 0.2 to 1

`yunet.onnx` is the network of libfacedetection (BSD-3-Clause, see `yunet.LICENSE.txt`) with its weights, 0.2 MB.

Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from facelattice.onnx_session import session_options

STRIDES = (8, 16, 32)
OUTPUTS = ("cls", "obj", "bbox")  # of each stride: (1, 1, h, w), (1, 1, h, w), (1, 4, h, w)

# So small an image is quicker on one thread: in each of sixty short steps two would wait for each other. Of 128 px, on
# two processors: 0.6 ms, with both 1.2 ms; of 320 px 3.3 ms either way.
_ALONE = 256 * 256

# As in the library.
_CONFIDENCE, _OVERLAP = 0.2, 0.45


def detect_faces(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The faces in an image, uint8 RGB (H, W, 3): boxes x0, y0, x1, y1 in its pixels (M, 4), confidences (M,)."""
    height, width = image.shape[:2]
    pad = max(STRIDES)
    padded = np.zeros((1, -(-height // pad) * pad, -(-width // pad) * pad, 3), np.uint8)
    cv2.cvtColor(image, cv2.COLOR_RGB2BGR, dst=padded[0, :height, :width])
    session = _session(1 if height * width <= _ALONE else None)
    maps = session.run([f"{name}_{stride}" for stride in STRIDES for name in OUTPUTS], {"image": padded})
    levels = [_decode(maps[3 * i : 3 * i + 3], stride) for i, stride in enumerate(STRIDES)]
    boxes, confidences = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    best = list(cv2.dnn.NMSBoxes(boxes.tolist(), confidences.tolist(), _CONFIDENCE, _OVERLAP))
    boxes[:, 2:] += boxes[:, :2]
    # The network's boxes are between edges of pixels; here whole numbers are the middles of pixels.
    return boxes[best] - np.float32(0.5), confidences[best]


def _decode(maps: list[np.ndarray], stride: int) -> tuple[np.ndarray, np.ndarray]:
    """The faces in one level's three maps (1, c, h, w): left, top, width and height (M, 4), and confidences (M,)."""
    cls, obj, bbox = maps
    confidence = 1 / np.sqrt((1 + np.exp(-cls[0, 0])) * (1 + np.exp(-obj[0, 0])))
    rows, columns = np.nonzero(confidence >= _CONFIDENCE)
    x, y, width, height = bbox[0][:, rows, columns]
    center = np.stack([columns + x, rows + y], axis=1)
    size = np.exp(np.stack([width, height], axis=1))
    boxes = stride * np.concatenate([center - size / 2, size], axis=1)
    return boxes.astype(np.float32), confidence[rows, columns]


@functools.cache
def _session(threads: int | None) -> onnxruntime.InferenceSession:
    path = Path(__file__).with_suffix(".onnx")
    return onnxruntime.InferenceSession(path.read_bytes(), session_options(threads), providers=["CPUExecutionProvider"])
