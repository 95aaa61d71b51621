from __future__ import annotations

import os
import sys

import cv2
import dlib
import numpy as np
import pytest

from facelattice.exceptions import FormatError, MissingDependencyError
from facelattice.formats import read_dlib_xml, write_dlib_xml

BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><dataset><images>&c;</images></dataset>'
EXTERNAL = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><dataset><images>&b;</images></dataset>'


def test_dlib_trains_on_the_file(make_face, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((120, 120, 3), np.uint8))
    face = make_face("ibug68")
    write_dlib_xml(tmp_path / "a.xml", [("a.png", [face])])
    (read,) = read_dlib_xml(tmp_path / "a.xml")
    assert read.image == "a.png"
    np.testing.assert_array_equal(read.points, np.round(face.points))
    np.testing.assert_array_equal(read.box, np.round(face.box))
    # A predictor that was trained on a single face predicts this face.
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 1, 1, 1
    options.feature_pool_size, options.num_test_splits, options.oversampling_amount = 10, 1, 1
    dlib.train_shape_predictor(str(tmp_path / "a.xml"), str(tmp_path / "one.dat"), options)
    left, top, right, bottom = (int(v) for v in read.box)
    predictor = dlib.shape_predictor(str(tmp_path / "one.dat"))
    shape = predictor(np.zeros((120, 120), np.uint8), dlib.rectangle(left, top, right, bottom))
    assert [(p.x, p.y) for p in shape.parts()] == [tuple(p) for p in read.points.tolist()]


def test_text_of_the_file(make_face, tmp_path):
    write_dlib_xml(tmp_path / "a.xml", [("a.jpg", []), ("b.jpg", [make_face()])])
    lines = (tmp_path / "a.xml").read_text(encoding="utf-8").splitlines()
    assert lines[:6] == [
        "<?xml version='1.0' encoding='utf-8'?>",
        "<dataset>",
        "  <images>",
        '    <image file="a.jpg" />',
        '    <image file="b.jpg">',
        lines[5],
    ]
    assert lines[5].startswith('      <box top="')
    assert lines[6].startswith('        <part name="00" x="')
    assert lines[-4:] == ["      </box>", "    </image>", "  </images>", "</dataset>"]


def test_file_without_images_is_valid(tmp_path):
    write_dlib_xml(tmp_path / "a.xml", [])
    assert read_dlib_xml(tmp_path / "a.xml") == []


def test_special_characters_in_names_are_escaped(make_face, tmp_path):
    name = 'a <&"ä>.png'
    write_dlib_xml(tmp_path / "a.xml", [(name, [make_face()])])
    assert read_dlib_xml(tmp_path / "a.xml")[0].image == name


def test_missing_points_are_left_out(make_face, tmp_path):
    faces = [make_face("ibug68", 80, missing=1), make_face("ibug68")]
    write_dlib_xml(tmp_path / "a.xml", [("a.jpg", faces), ("b.jpg", [])])
    first, second = read_dlib_xml(tmp_path / "a.xml")
    assert first.mask.tolist() == [False] + [True] * 67
    assert second.mask.all()


def test_names_that_xml_cannot_contain_are_rejected(make_face, tmp_path):
    with pytest.raises(FormatError, match=r"'a\\x01.jpg': XML cannot contain characters of this name"):
        write_dlib_xml(tmp_path / "a.xml", [("a\x01.jpg", [make_face()])])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("names", "sorted_names"), [(("10", "9", "0"), ("0", "9", "10")), (("b", "10", "a"), ("10", "a", "b"))]
)
def test_parts_are_sorted_by_number_or_by_name(tmp_path, names, sorted_names):
    parts = "".join(f'<part name="{name}" x="{i}" y="1.5"/>' for i, name in enumerate(names))
    box = f'<box top="1" left="2" width="3" height="4">{parts}</box>'
    ignored = '<box top="1" left="2" width="3" height="4" ignore="1"><part name="z" x="0" y="0"/></box>'
    text = f'<dataset><images><image file="a.jpg">{box}{ignored}<box/></image></images></dataset>'
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    (read,) = read_dlib_xml(tmp_path / "a.xml")
    assert read.points.tolist() == [[names.index(name), 1.5] for name in sorted_names]


def test_part_that_occurs_twice_is_rejected(tmp_path):
    parts = '<part name="a" x="1" y="1"/>' * 2
    box = f'<box top="1" left="2" width="3" height="4">{parts}</box>'
    (tmp_path / "a.xml").write_text(
        f'<dataset><images><image file="a.jpg">{box}</image></images></dataset>', encoding="utf-8"
    )
    with pytest.raises(FormatError, match=r"image 0 \(a.jpg\), box 0: the part 'a' occurs twice"):
        read_dlib_xml(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML that can be read"),
        ("<dataset><images>", "not XML that can be read"),
        ('<?xml version="1.0" encoding="klingon"?><dataset/>', "not XML that can be read"),
        (BOMB, "not XML that can be read: EntitiesForbidden"),
        (EXTERNAL, "not XML that can be read: EntitiesForbidden"),
        ("<html/>", "not imglab's XML; expected <dataset> with <images> in it, not <html>"),
        ("<dataset><images><image/></images></dataset>", "image 0: the file attribute is missing"),
        (
            '<dataset><images><image file="a"><box top="1" left="1" width="x" height="1"><part name="0" x="1" y="1"/>'
            "</box></image></images></dataset>",
            r"image 0 \(a\), box 0, width and height: expected two numbers, not 'x 1'",
        ),
        (
            '<dataset><images><image file="a"><box top="1" left="1" width="1" height="1"><part name="0" x="nan" y="1"/>'
            "</box></image></images></dataset>",
            r"box 0, x and y: expected two numbers, not 'nan 1'",
        ),
    ],
)
def test_error_names_file_and_box(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=f"a.xml.*{message}"):
        read_dlib_xml(tmp_path / "a.xml")


def test_missing_defusedxml_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[evaluate\]"):
        read_dlib_xml(tmp_path / "a.xml")
