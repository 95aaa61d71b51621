from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.readers.point_order import order_points
from facelattice.exceptions import DataError
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.schemes import Scheme, get_scheme, mean_shape

PATH = Path("faces.json")
FIVE = get_scheme("five")
DOG = Scheme.from_dict({"name": "dog", "points": ["left_ear", "right_ear", "nose"]})


def make_file(points: dict[str, tuple[float, float]], **more) -> AnnotationFile:
    values = np.array(list(points.values()), np.float32)
    mask = np.isfinite(values).all(1)
    hidden = np.arange(len(values)) == 0
    face = Annotation("a.jpg", values, mask, hidden, mask & ~hidden, None)
    return AnnotationFile([face], tuple(points), **more)


def named_face(scheme: Scheme) -> dict[str, tuple[float, float]]:
    return {name: (x, y) for name, (x, y) in zip(scheme.names, mean_shape(scheme).tolist(), strict=True)}


def test_names_decide_which_point_is_which():
    scheme, (face,) = order_points(PATH, make_file({"Nose": (5, 6), "rightEar": (3, 4), "left_ear": (1, 2)}), DOG)
    assert scheme is DOG
    assert face.points.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert face.hidden.tolist() == [False, False, True]
    assert face.visible.tolist() == [True, True, False]


def test_names_that_only_one_of_them_has_are_named(caplog):
    file = make_file({"nose": (5, 6), "left_ear": (1, 2), "tail": (9, 9)})
    _, (face,) = order_points(PATH, file, DOG)
    assert face.mask.tolist() == [True, False, True]
    assert caplog.messages == [
        "faces.json: ignored points that are not in dog: 'tail'",
        "faces.json: without these points of dog: 'right_ear'",
    ]


def test_names_without_a_match_are_an_error():
    with pytest.raises(DataError, match=r"names of its points \('a', 'b', 'c'\) are not those of the scheme dog"):
        order_points(PATH, make_file({"a": (1, 2), "b": (3, 4), "c": (5, 6)}), DOG)


def test_a_scheme_without_names_takes_the_order_of_the_file():
    scheme = Scheme.from_dict({"name": "mine", "points": 3})
    _, (face,) = order_points(PATH, make_file({"c": (1, 2), "a": (3, 4), "b": (5, 6)}), scheme)
    assert face.points.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("scheme", [None, FIVE])
def test_built_in_scheme_is_found_by_its_names(scheme):
    points = named_face(FIVE)
    renamed = {name.replace("nose_tip", "nose"): points[name] for name in reversed(points)}
    found, (face,) = order_points(PATH, make_file(renamed), scheme)
    assert found is FIVE
    np.testing.assert_allclose(face.points, mean_shape(FIVE))


def test_sides_of_the_person_are_recognized(caplog):
    points = named_face(get_scheme("ibug68"))
    swap = {"left": "right", "right": "left"}
    person = {"_".join(swap.get(word, word) for word in name.split("_")): point for name, point in points.items()}
    _, (face,) = order_points(PATH, make_file(person), None)
    np.testing.assert_allclose(face.points, mean_shape(get_scheme("ibug68")))
    assert "left and right in its names are those of the person" in caplog.text


def test_own_scheme_is_made_of_other_names():
    points = {"tail": (1, 2), "nose": (3, 4), "ear": (5, 6)}
    scheme, _ = order_points(PATH, make_file(points, category="dog", skeleton=[[1, 2]]), None)
    assert (scheme.name, scheme.names, scheme.lines) == ("dog", ("tail", "nose", "ear"), ((0, 1),))
    assert order_points(PATH, make_file(points), None)[0].name == "faces"


@pytest.mark.parametrize("start", [0, 1])
def test_numbers_give_the_order(start):
    points = {f"p{i + start}": (i, 0) for i in (3, 0, 4, 2, 1)}
    scheme, (face,) = order_points(PATH, make_file(points), FIVE)
    assert scheme is FIVE
    assert face.points[:, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("scheme", [None, FIVE])
@pytest.mark.parametrize("start", [0, 1])
def test_a_part_that_no_face_has_is_missing(scheme, start):
    points = {f"{i + start:02}": (i, 0) for i in (0, 1, 2, 4)}
    scheme, (face,) = order_points(PATH, make_file(points), scheme)
    assert scheme is FIVE
    assert face.mask.tolist() == [True, True, True, False, True]
    assert face.points[4, 0] == 4


def test_points_without_names_are_left_in_their_order():
    file = AnnotationFile(make_file(named_face(FIVE)).faces)
    assert order_points(PATH, file, None) == (None, file.faces)
