import json

import numpy as np
import pytest

from facelattice import geometry
from facelattice.exceptions import SchemeError
from facelattice.measures import MEASURES, FaceMeasures, available_measures
from facelattice.schemes import Scheme, get_scheme, mean_shape


def measures(scheme_name: str, change=None, rotation: float = 0.0) -> FaceMeasures:
    scheme = get_scheme(scheme_name)
    points = mean_shape(scheme).astype(np.float64)
    if change is not None:
        change(points, scheme)
    matrix = geometry.crop_transform(np.array([0, 0, 1, 1]), 200, 1.0, rotation)
    return FaceMeasures(geometry.apply(matrix, points), scheme)


def test_eye_openness_is_the_eye_aspect_ratio():
    points = measures("ibug68").points
    distance = lambda a, b: np.linalg.norm(points[a] - points[b])  # noqa: E731
    expected = (distance(37, 41) + distance(38, 40)) / (2 * distance(36, 39))
    assert measures("ibug68").left_eye_openness == pytest.approx(expected, rel=1e-5)
    assert measures("ibug68").right_eye_openness == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("scheme_name", ["ibug68", "wflw98", "cofw29", "jd106", "insightface106"])
def test_each_measure_follows_its_part_of_the_face(scheme_name):
    def close_left_eye(points, scheme):
        for i, name in enumerate(scheme.names):
            if name.startswith("left_eye_bottom"):
                points[i] = points[scheme.names.index(name.replace("bottom", "top"))]

    def open_mouth(points, scheme):
        points[[i for i, name in enumerate(scheme.names) if "lower_lip" in name], 1] += 0.1

    def raise_brows(points, scheme):
        points[scheme.regions["left_brow"] + scheme.regions["right_brow"], 1] -= 0.1

    usual = measures(scheme_name)
    closed, opened, raised = (measures(scheme_name, change) for change in (close_left_eye, open_mouth, raise_brows))
    assert closed.left_eye_openness < 0.02
    assert closed.right_eye_openness == usual.right_eye_openness
    assert opened.mouth_openness > usual.mouth_openness + 0.15
    assert opened.mouth_width == usual.mouth_width
    assert raised.brow_raise == pytest.approx(usual.brow_raise + 0.1 / 0.44, abs=0.02)
    assert usual.size == pytest.approx(200, abs=12)


@pytest.mark.parametrize("scheme_name", ["ibug68", "wflw98"])
def test_measures_do_not_depend_on_the_rotation(scheme_name):
    upright, turned = measures(scheme_name).to_dict(), measures(scheme_name, rotation=70).to_dict()
    for name in set(MEASURES) - {"size"}:
        assert turned[name] == pytest.approx(upright[name], abs=2e-3)


def test_available_measures_of_the_schemes():
    assert available_measures(get_scheme("ibug68")) == MEASURES
    assert available_measures(get_scheme("five")) == ("mouth_width", "size")
    assert available_measures(get_scheme("aflw19")) == ("mouth_width", "brow_raise", "size")


def test_scheme_without_the_points_says_which_are_missing():
    with pytest.raises(
        SchemeError, match=r"left_eye_openness: the scheme 'five' lacks the points left_eye_top, left_eye_bottom$"
    ):
        measures("five").left_eye_openness  # noqa: B018
    dog = {"name": "dog", "points": ["left_eye", "right_eye", "nose"]}
    ocular = {"ocular": ["left_eye", "right_eye"]}
    for changes, measure, message in (
        ({}, "mouth_width", r"lacks pupils or ocular, the points of the eyes; add to its YAML file ocular: \[point of"),
        (ocular, "mouth_width", "lacks the points left_mouth, right_mouth; points in its YAML file need these names"),
        (ocular, "brow_raise", r"lacks the region left_brow; add to its YAML file, under regions, left_brow: \["),
    ):
        scheme = Scheme.from_dict(dog | changes)
        with pytest.raises(SchemeError, match=f"{measure}: the scheme 'dog' {message}"):
            getattr(FaceMeasures(np.zeros((3, 2)), scheme), measure)


def test_missing_points_are_left_out():
    face = measures("ibug68")
    face.points[37] = np.nan
    assert np.isnan(face.left_eye_openness)
    data = json.loads(json.dumps(face.to_dict(), allow_nan=False))
    assert "left_eye_openness" not in data
    assert "right_eye_openness" in data
    assert FaceMeasures(np.full((68, 2), np.nan), face.scheme).to_dict() == {}


def test_repr_shows_the_values():
    assert repr(measures("five")).startswith("FaceMeasures(mouth_width=0.8")
