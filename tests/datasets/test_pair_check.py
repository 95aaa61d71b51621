from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.pair_check import describe_pairs, find_problems
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, make_sample
from facelattice.schemes import Scheme, get_scheme, mean_shape

IBUG, FIVE = get_scheme("ibug68"), get_scheme("five")


def make_faces(scheme: Scheme, shape: np.ndarray, count: int = 20) -> list[Sample]:
    """Faces with this shape, rotated by up to 20 degrees, and with noise of 1 % of the face."""
    rng = np.random.default_rng(0)
    faces = []
    for i in range(count):
        angle = np.radians(rng.uniform(-20, 20))
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (shape + rng.normal(0, 0.01, shape.shape)) @ rotation * 100 + 200
        faces.append(make_sample(Path(f"{i}.jpg"), points, scheme, str(i), "here"))
    return faces


@pytest.mark.parametrize("name", ["ibug68", "wflw98", "five"])
def test_right_pairs_are_no_problem(name):
    assert find_problems(make_faces(get_scheme(name), mean_shape(get_scheme(name)))) == []


def test_points_without_a_partner_are_named():
    scheme = Scheme.from_dict({"name": "mine", "points": ["a", "b", "tip", "c", "d"]})
    (problem,) = find_problems(make_faces(scheme, mean_shape(FIVE)))
    assert problem.endswith("have no mirror partner; add them to `pairs`: a, b, c, d")


def test_wrong_pairs_are_named():
    scheme = replace(FIVE, pairs=((0, 3), (1, 4)))  # each eye with the corner of the mouth below it
    problem = find_problems(make_faces(scheme, mean_shape(FIVE)))[0]
    assert "not mirrored in the faces" in problem
    assert problem.endswith("left_eye - left_mouth, right_eye - right_mouth")


def test_one_wrong_pair_of_many_is_named():
    pairs = dict(IBUG.pairs)
    pairs[36], pairs[39] = pairs[39], pairs[36]  # the corners of one eye
    (problem,) = find_problems(make_faces(replace(IBUG, pairs=tuple(pairs.items())), mean_shape(IBUG)))
    assert problem.endswith("left_eye_outer - right_eye_inner, left_eye_inner - right_eye_outer")


def test_a_name_with_a_side_and_no_partner_is_a_problem_of_any_number_of_faces():
    scheme = Scheme.from_dict({"name": "mine", "points": ["left_eye", "tip", "chin"]})
    (problem,) = find_problems(make_faces(scheme, np.array([[0, 0], [0.5, 0.5], [0.5, 1]]), count=1))
    assert problem.endswith("add them to `pairs`: left_eye")


def test_points_that_no_face_has_are_named():
    shape = np.where(np.arange(5)[:, None] == 2, np.nan, mean_shape(FIVE))
    (problem,) = find_problems(make_faces(FIVE, shape))
    assert problem == "no face has these points annotated, so the model cannot learn them: nose_tip"


def test_pairs_are_described_in_one_line():
    assert describe_pairs(FIVE) == (
        "2 mirror pairs: left_eye - right_eye, left_mouth - right_mouth; without a partner: nose_tip"
    )
    assert describe_pairs(FIVE, "five") == describe_pairs(FIVE)
    assert describe_pairs(get_scheme("wflw98"), "wflw98") == (
        "44 mirror pairs, 10 points without a partner; names: facelattice schemes wflw98"
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "subset"), [("300W", "train"), ("300W/ibug", None), ("WFLW", "train"), ("mtfl5/merlrav.csv", None)]
)
def test_real_faces_have_no_problem(shared_data, folder, subset):
    samples = read_samples(shared_data / folder, subset)
    assert find_problems(samples) == []
    unpaired = [replace(sample, scheme=replace(sample.scheme, pairs=())) for sample in samples]
    assert "left_jaw_0, " in find_problems(unpaired)[0]
