from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.detection import YuNetDetector, quick_detect
from facelattice.geometry import iou
from facelattice.image_io import load_image

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
FACE = np.array([178, 63, 267, 175])  # her face from hairline to chin

detect = YuNetDetector()


def crowd(rows: int, columns: int, cell: int) -> np.ndarray:
    """A grid of copies of her head, each ``cell`` px wide with the space around it."""
    head = cv2.resize(load_image(ASTRONAUT)[20:220, 120:320], (cell, cell), interpolation=cv2.INTER_AREA)
    return np.tile(head, (rows, columns, 1))


def test_face_is_found():
    boxes, confidences = detect(load_image(ASTRONAUT))
    assert boxes.shape == (1, 4)
    assert boxes.dtype == confidences.dtype == np.float32
    assert 0.8 < confidences[0] <= 1
    assert iou(boxes[0], FACE) > 0.85


def test_boxes_are_in_pixels_of_a_large_image():
    large = cv2.resize(load_image(ASTRONAUT), None, fx=5, fy=5)
    boxes, confidences = detect(large)
    assert (confidences > 0.5).sum() == 1  # found at two scales, returned once
    assert iou(boxes[0] / 5, FACE) > 0.8


def test_all_faces_of_a_crowd_are_found():
    boxes, confidences = detect(crowd(6, 10, 100))
    assert len(boxes) == 60
    cells = {(int(x // 100), int(y // 100)) for x, y in (boxes[:, :2] + boxes[:, 2:]) / 2}
    assert len(cells) == 60
    assert (np.diff(confidences) <= 0).all()


def test_small_face_where_tiles_meet_is_found_in_a_large_photo():
    photo = np.full((2400, 3600, 3), 120, np.uint8)
    photo[1120:1280, 1151:1311] = crowd(1, 1, 160)  # a face of 75 px; at the base scale it has 13 px
    boxes, _ = detect(photo)
    assert len(boxes) == 1
    assert iou(boxes[0], [1197, 1154, 1269, 1244]) > 0.6


@pytest.mark.data
@pytest.mark.parametrize("number", [217, 655])
def test_large_painted_faces_are_found_at_a_coarse_scale(shared_data, number):
    name = f"28_Sports_Fan_Sports_Fan_28_{number}.jpg"
    (face,) = [s for s in read_samples(shared_data / "WFLW", "train") if s.path.name == name]
    boxes, confidences = detect(load_image(face.path))
    assert max(iou(box, face.box) for box in boxes) > 0.5
    assert (np.diff(confidences) <= 0).all()


def test_memory_does_not_grow_with_the_number_of_images():
    photo, process = load_image(ASTRONAUT), psutil.Process()
    for _ in range(30):
        detect(photo)
    before = process.memory_info().rss
    for _ in range(60):
        detect(photo)
    assert (process.memory_info().rss - before) / 2**20 < 20  # a copy of each padded image would be 47 MiB


def test_quick_detect_finds_one_large_face():
    astronaut = load_image(ASTRONAUT)
    near = astronaut[:260, 90:350]
    boxes, confidences = quick_detect(near)
    assert len(boxes) == 1
    assert confidences[0] >= 0.8
    assert iou(boxes[0] + [90, 0, 90, 0], FACE) > 0.7
    assert not np.array_equal(boxes, detect(near)[0])


def test_quick_detect_rejects_a_face_that_fills_a_sixth_of_the_image():
    boxes, confidences = quick_detect(load_image(ASTRONAUT))
    assert (boxes.shape, confidences.shape) == ((0, 4), (0,))


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 5000), (33, 31)])
def test_black_images_of_any_shape_have_no_face(shape):
    boxes, confidences = detect(np.zeros((*shape, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert confidences.shape == (0,)


def test_noise_has_no_face():
    noise = np.random.default_rng(0).integers(0, 256, (600, 1200, 3), dtype=np.uint8)
    assert len(detect(noise)[0]) == 0
