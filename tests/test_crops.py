import numpy as np
import pytest

from facelattice import geometry
from facelattice.crops import ARCFACE_POINTS, crop_matrix, five_points
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.schemes import Scheme, get_scheme, mean_shape


def face(scheme_name: str, rotation: float = 20.0) -> tuple[np.ndarray, Scheme]:
    scheme = get_scheme(scheme_name)
    matrix = geometry.crop_transform(np.array([0, 0, 1, 1]), 300, 1.4, rotation)
    return geometry.apply(matrix, mean_shape(scheme)), scheme


def ffhq_quad(five: np.ndarray) -> np.ndarray:
    """The corners of FFHQ, as its authors define them: top left, bottom left, bottom right, top right."""
    left_eye, right_eye, _, left_mouth, right_mouth = five.astype(float)
    eye_to_eye, eyes = right_eye - left_eye, (left_eye + right_eye) / 2
    eye_to_mouth = (left_mouth + right_mouth) / 2 - eyes
    x = eye_to_eye - np.flipud(eye_to_mouth) * [-1, 1]
    x *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8) / np.hypot(*x)
    y, center = np.flipud(x) * [-1, 1], eyes + eye_to_mouth * 0.1
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


@pytest.mark.parametrize("size", [112, 224])
def test_arcface_maps_its_own_points_to_themselves(size):
    five, scale = np.array(ARCFACE_POINTS), size / 112
    shifted = five * 2.5 + [40, -7]
    matrix = crop_matrix(shifted, get_scheme("five"), "arcface", size)
    np.testing.assert_allclose(geometry.apply(matrix, shifted), five * scale, atol=1e-3)


def test_arcface_of_256_px_is_a_multiple_of_128_as_in_norm_crop():
    five = np.array(ARCFACE_POINTS)
    matrix = crop_matrix(five, get_scheme("five"), "arcface", 256)
    np.testing.assert_allclose(geometry.apply(matrix, five), 2 * (five + np.array([8, 0])), atol=1e-3)


@pytest.mark.parametrize("scheme_name", ["ibug68", "wflw98", "five", "jd106", "cofw29"])
def test_arcface_is_the_least_squares_similarity(scheme_name):
    points, scheme = face(scheme_name)
    five, target = five_points(points, scheme, "test"), np.array(ARCFACE_POINTS)
    matrix = crop_matrix(points, scheme, "arcface")
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])
    assert matrix[0, 1] == pytest.approx(-matrix[1, 0])

    def cost(matrix: np.ndarray) -> float:
        return float(((geometry.apply(matrix, five) - target) ** 2).sum())

    for change in (
        np.array([[0, 0, 0.2], [0, 0, 0]]),
        0.01 * matrix * [1, 1, 0],
        np.array([[0, -0.01, 0], [0.01, 0, 0]]),
    ):
        assert cost(matrix) < min(cost(matrix + change), cost(matrix - change))


@pytest.mark.parametrize("rotation", [0, 30, -100])
@pytest.mark.parametrize("size", [256, 1024])
def test_ffhq_has_the_corners_of_the_quad(rotation, size):
    points, scheme = face("ibug68", rotation)
    corners = ffhq_quad(five_points(points, scheme, "test"))
    found = geometry.apply(crop_matrix(points, scheme, "ffhq", size), corners)
    low, high = -0.5, size - 0.5  # the edges of the first and the last pixel
    np.testing.assert_allclose(found, [[low, low], [low, high], [high, high], [high, low]], atol=2e-2)


def test_scheme_without_the_points_says_which_are_missing():
    scheme = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "snout"]})
    with pytest.raises(
        SchemeError, match=r"\"arcface\" needs .*; the scheme 'dog' lacks nose_tip, left_mouth, right_mouth"
    ):
        crop_matrix(np.zeros((3, 2)), scheme, "arcface")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"template": "vgg"}, "unknown template 'vgg'; expected one of upright, arcface, ffhq"),
        ({"size": 0}, "expected a size of at least 1 pixel, not 0"),
        ({"template": "ffhq", "margin": 2.0}, 'margin is for the template "upright"'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        crop_matrix(*face("ibug68"), **arguments)


def test_missing_points_are_named():
    points, scheme = face("ibug68")
    points[54] = np.nan
    with pytest.raises(ArgumentError, match="some of them are not finite"):
        crop_matrix(points, scheme, "arcface")
