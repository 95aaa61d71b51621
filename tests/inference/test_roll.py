import numpy as np
import pytest

from facelattice import geometry
from facelattice.inference.roll import MAX_ROLL, follow_roll, measure_roll, normalize_roll
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape

OWN = {"name": "mine", "points": ["left_eye", "right_eye", "nose"]}


def turned_shape(points: np.ndarray, roll: float) -> np.ndarray:
    """Rotate points clockwise, enlarge and shift them."""
    return geometry.apply(geometry.crop_transform(np.array([0, 0, 1, 1]), 200, 1.0, roll), points)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("roll", [0, 30, -100, 179])
def test_roll_of_a_turned_mean_shape(scheme, roll):
    assert measure_roll(turned_shape(mean_shape(scheme), roll), scheme) == pytest.approx(roll, abs=1e-3)


def test_roll_of_an_own_scheme_is_that_of_its_eyes():
    points = turned_shape(np.array([[0.2, 0.3], [0.8, 0.3], [0.1, 0.9]]), 50)
    with_eyes = Scheme.from_dict({**OWN, "pupils": [[0], [1]]})
    assert measure_roll(points, with_eyes) == pytest.approx(50, abs=1e-3)
    without_eyes = Scheme.from_dict(OWN)
    assert measure_roll(points, without_eyes) is None
    assert follow_roll(90.0, points, without_eyes) == 90.0


def test_crop_follows_a_face_that_is_rotated_further():
    scheme = get_scheme("ibug68")
    shape = mean_shape(scheme)
    assert follow_roll(0.0, turned_shape(shape, MAX_ROLL - 1), scheme) == 0.0
    assert follow_roll(0.0, turned_shape(shape, MAX_ROLL + 1), scheme) == pytest.approx(MAX_ROLL + 1, abs=1e-3)
    assert follow_roll(170.0, turned_shape(shape, -170), scheme) == 170.0  # 20 degrees further
    assert follow_roll(10.0, shape * np.nan, scheme) == 10.0


@pytest.mark.parametrize(("roll", "expected"), [(0, 0), (180, 180), (-180, 180), (190, -170), (-450, -90)])
def test_normalized_roll(roll, expected):
    assert normalize_roll(roll) == expected
