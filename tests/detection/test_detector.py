from functools import partial

import numpy as np
import pytest

from facelattice import FaceAligner
from facelattice.detection import YuNetDetector, get_detector
from facelattice.exceptions import ArgumentError

IMAGE = np.zeros((20, 30, 3), np.uint8)
BOXES = np.array([[1, 2, 11, 12], [3, 4, 13, 14]])


class Named:
    name = "mine"

    def __call__(self, image):
        return BOXES, [0.9, 0.8]


def detect_two(image):
    return BOXES.tolist(), np.array([0.9, 0.8])


def test_the_bundled_detector_by_name():
    detector = get_detector("yunet")
    assert isinstance(detector, YuNetDetector)
    assert detector.name == "yunet"
    assert get_detector(detector) is detector


@pytest.mark.parametrize("unknown", ["slimface", "", None, 5])
def test_unknown_detectors_are_rejected(unknown):
    with pytest.raises(ArgumentError, match=f"unknown detector {unknown!r}; use 'yunet' or pass a function"):
        get_detector(unknown)


@pytest.mark.parametrize("function", [Named(), detect_two])
def test_results_of_a_callable_become_float32_arrays(function):
    detector = get_detector(function)
    boxes, confidences = detector(IMAGE)
    assert boxes.dtype == confidences.dtype == np.float32
    np.testing.assert_array_equal(boxes, BOXES)
    np.testing.assert_array_equal(confidences, np.float32([0.9, 0.8]))
    assert get_detector(detector) is detector


def test_names_of_callables():
    assert get_detector(Named()).name == "mine"
    assert get_detector(detect_two).name.endswith("test_detector.detect_two")
    assert get_detector(partial(detect_two)).name == "functools.partial"


def test_wrapper_of_the_bundled_detector_keeps_its_box_mapping():
    class Wrapper:
        name = "yunet"

        def __call__(self, image):
            return BOXES, np.ones(2)

    mapped, unmapped = (FaceAligner("ibug68-fast", detector=d).detect(IMAGE) for d in (Wrapper(), detect_two))
    assert not np.allclose(mapped, BOXES)
    np.testing.assert_array_equal(unmapped, BOXES)


@pytest.mark.parametrize("empty", [([], []), (np.zeros((0, 4)), np.zeros(0)), (np.zeros(0), np.zeros(0))])
def test_no_faces(empty):
    boxes, confidences = get_detector(lambda image: empty)(IMAGE)
    assert (boxes.shape, confidences.shape) == ((0, 4), (0,))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (BOXES, r"an array of shape \(2, 4\); return ones as confidences"),
        (BOXES.tolist(), r"arrays of shapes \(4,\) and \(4,\)"),
        (np.zeros((2, 5)), r"an array of shape \(2, 5\)"),
        ((np.zeros((2, 5)), np.ones(2)), r"arrays of shapes \(2, 5\) and \(2,\)"),
        ((BOXES, np.ones(3)), r"arrays of shapes \(2, 4\) and \(3,\)"),
        ((BOXES, None), r"arrays of shapes \(2, 4\) and \(\)"),
        ((BOXES, np.ones(2), np.ones(2)), "a tuple of length 3"),
        (None, "None"),
    ],
)
def test_results_of_the_wrong_form_are_rejected(result, message):
    detector = get_detector(lambda image: result)
    with pytest.raises(ArgumentError, match=rf"must return boxes \(M, 4\) and confidences \(M,\), but .* {message}"):
        detector(IMAGE)
