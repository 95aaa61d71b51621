from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import Scheme, get_scheme, mean_shape
from facelattice.visualization.face_svg import faces_to_svg

SVG = "{http://www.w3.org/2000/svg}"


def make_face(**changes) -> Face:
    scheme = get_scheme("ibug68")
    points = (mean_shape(scheme) * 200 + 20).astype(np.float32)
    return replace(Face(points, np.full(68, 3, np.float32), 0.9, points_box(points), scheme), **changes)


def test_points_and_lines_of_each_face():
    points = make_face().points.copy()
    points[3] = np.nan
    visibility = np.ones(68, np.float32)
    visibility[30] = 0
    text = faces_to_svg((240, 320, 3), [make_face(points=points), make_face(track=7, visibility=visibility)])
    root = ElementTree.fromstring(text)
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("320", "240", "0 0 320 240")
    first, second = root.findall(f"{SVG}g")
    assert (first.get("id"), second.get("id")) == ("face-0", "face-1")
    assert len(first.findall(f"{SVG}circle")) == 67
    circles = {circle.get("id"): circle for circle in second.findall(f"{SVG}circle")}
    nose = circles["face-1-point-30"]
    assert nose.find(f"{SVG}title").text == "30 nose_tip"
    x, y = make_face().points[30]
    assert (float(nose.get("cx")), float(nose.get("cy"))) == pytest.approx((x + 0.5, y + 0.5), abs=0.01)
    assert (nose.get("fill"), circles["face-1-point-8"].get("fill")) == ("none", "#8ad7ba")
    assert [label.text for label in second.findall(f"{SVG}text")] == ["#7"]
    assert len(second.findall(f"{SVG}line")) == 2 * 63  # each with its edge
    assert faces_to_svg((240, 320), make_face()) == faces_to_svg((240, 320), [make_face()])


def test_names_are_escaped():
    scheme = Scheme.from_dict({"name": "odd", "points": ["a<b", "c&d\x01"]})
    points = np.array([[1, 2], [30, 40]], np.float32)
    text = faces_to_svg((50, 50), [Face(points, np.ones(2), 0.9, points_box(points), scheme)], "numbers")
    titles = [title.text for title in ElementTree.fromstring(text).iter(f"{SVG}title")]
    assert titles == ["0 a<b", "1 c&d?"]


def test_unknown_style_is_rejected():
    with pytest.raises(ArgumentError, match="unknown style 'dots'"):
        faces_to_svg((10, 10), [], "dots")
