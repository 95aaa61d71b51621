from __future__ import annotations

import numpy as np

from facelattice import geometry
from facelattice.annotate.shapes import (
    average_shape,
    initial_shape,
    normalize,
    place_shape,
    suggest_pairs,
    write_scheme,
)
from facelattice.datasets.sample import make_sample
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape


def scheme(*names: str) -> Scheme:
    return Scheme.from_dict({"name": "mine", "points": list(names)})


def test_points_with_known_names_are_where_faces_have_them():
    shape = initial_shape(scheme("left_eye", "noseTip", "right eye", "mouth-left", "chin"))
    mean = mean_shape(SCHEMES["ibug68"])
    places = mean[[36, 37, 38, 39, 40, 41]].mean(0), mean[30], mean[42:48].mean(0), mean[48], mean[8]
    box = geometry.points_box(mean)
    expected = (np.array(places) - geometry.box_center(box)) / geometry.box_side(box)
    np.testing.assert_allclose(shape, expected, atol=1e-6)


def test_points_without_names_are_apart():
    shape = initial_shape(Scheme.from_dict({"name": "mine", "points": 12}))
    distances = np.linalg.norm(shape[:, None] - shape[None], axis=-1) + np.eye(12)
    assert distances.min() > 0.15
    np.testing.assert_allclose(geometry.box_side(geometry.points_box(initial_shape(SCHEMES["ibug68"]))), 1, atol=1e-6)


def test_mean_of_the_complete_faces_or_of_all(tmp_path):
    three = scheme("a", "b", "c")
    faces = [[(0, 0), (10, 0), (5, 8)], [(0, 0), (20, 0), (np.nan, np.nan)], [(0, 0), (np.nan, np.nan), (10, 20)]]
    samples = [make_sample(tmp_path / "a.jpg", np.array(face, float), three, "a", "face") for face in faces]
    np.testing.assert_allclose(average_shape(samples), [(-0.5, -0.4), (0.5, -0.4), (0, 0.4)], atol=1e-6)
    assert np.isfinite(average_shape(samples[1:])).all()
    assert average_shape(samples[1:2]) is None
    assert average_shape([]) is None


def test_a_shape_fills_a_box():
    points = place_shape(normalize(np.array([(0, 0), (2, 0), (1, 1)])), np.array([10, 20, 30, 50]))
    np.testing.assert_allclose(geometry.points_box(points), [5, 27.5, 35, 42.5])


def test_partners_of_a_face():
    ids = [36, 45, 30, 48, 54, 8]
    assert suggest_pairs(normalize(mean_shape(SCHEMES["ibug68"])[ids])) == [(0, 1), (3, 4)]


def test_a_scheme_file_is_read_back(tmp_path):
    written = Scheme.from_dict({"name": "é: #", "points": ["a", "yes", "1"], "pairs": [[0, 2]]})
    write_scheme(tmp_path / "mine.yaml", written)
    assert get_scheme(tmp_path / "mine.yaml").to_dict() == written.to_dict()
