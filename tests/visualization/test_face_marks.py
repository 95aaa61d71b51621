from __future__ import annotations

import numpy as np
import pytest

from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.face_marks import face_marks, mesh_edges, text_size


def make_face(scheme: Scheme, size: float) -> Face:
    points = (mean_shape(get_scheme("ibug68"))[: len(scheme)] * size + 20).astype(np.float32)
    return Face(points, np.ones(len(scheme), np.float32), 0.9, points_box(points), scheme)


@pytest.mark.parametrize("name", SCHEMES)
def test_mesh_connects_all_points_without_crossings(name):
    scheme = get_scheme(name)
    edges, shape = mesh_edges(scheme, np.zeros((len(scheme), 2))), mean_shape(scheme)
    used = {i for edge in edges for i in edge}
    places = {tuple(shape[i]) for i in used}
    assert places == {tuple(point) for point in shape}
    assert len(edges) <= 3 * len(scheme) - 6  # as many as a planar graph can have


def test_mesh_of_a_scheme_of_ones_own_is_that_of_its_points():
    scheme = Scheme.from_dict({"name": "square", "points": 5})
    square = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [5, 5]], np.float32)
    assert mesh_edges(scheme, square) == [(0, 1), (0, 2), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    square[4] = np.nan
    assert len(mesh_edges(scheme, square)) == 5
    assert mesh_edges(scheme, np.full((5, 2), np.nan)) == []


@pytest.mark.parametrize(("size", "num_labels"), [(60, 20), (92, 35), (600, 68)])
def test_numbers_that_have_no_room_are_left_out(size, num_labels):
    marks = face_marks(make_face(get_scheme("ibug68"), size), "numbers", "error", 1e4)
    boxes = [(label.center, np.array(text_size(label.text, label.height))) for label in marks.labels]
    assert len(boxes) >= num_labels
    for i, (center, shape) in enumerate(boxes):
        for other, other_shape in boxes[:i]:
            assert (np.abs(center - other) >= (shape + other_shape) / 2).any()


def test_scheme_without_lines_has_numbers():
    marks = face_marks(make_face(Scheme.from_dict({"name": "dog", "points": 3}), 300), "numbers", "region", 1e4)
    assert [label.text for label in marks.labels] == ["0", "1", "2"]
    assert marks.lines == []
