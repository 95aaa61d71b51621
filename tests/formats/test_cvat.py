from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats.annotation import AnnotatedImage
from facelattice.formats.cvat import cvat_text, read_cvat_file

SKELETON = """<skeleton label="face" source="manual" z_order="0" group_id="{group}">
  <points label="nose" source="manual" outside="0" occluded="0" points="10.50,20.00"></points>
  <points label="chin" source="manual" outside="0" occluded="1" points="11.50,30.00"></points>
  <points label="ear" source="manual" outside="1" occluded="0" points="12.00,1.00"></points>
</skeleton>"""
BOX = '<box label="person" occluded="0" xtl="5.50" ytl="6.50" xbr="40.50" ybr="50.50" group_id="2"/>'


def write(path: Path, shapes: str, attributes: str = 'name="a.jpg"') -> Path:
    path.write_text(
        f'<?xml version="1.0"?><annotations><version>1.1</version><meta/><image id="0" {attributes} width="80" '
        f'height="60">{shapes}</image></annotations>',
        encoding="utf-8",
    )
    return path


def test_skeleton(tmp_path):
    file = read_cvat_file(write(tmp_path / "a.xml", SKELETON.format(group=2) + BOX))
    assert (file.names, file.category) == (("nose", "chin", "ear"), "face")
    (face,) = file.faces
    assert face.image == "a.jpg"
    assert face.points[:2].tolist() == [[10, 19.5], [11, 29.5]]  # CVAT counts from the corner of the image
    assert face.mask.tolist() == [True, True, False]
    assert face.hidden.tolist() == [False, True, False]
    assert face.visible.tolist() == [True, False, False]
    assert face.box.tolist() == [5, 6, 40, 50]


def test_box_of_another_group_is_not_that_of_the_face(tmp_path):
    (face,) = read_cvat_file(write(tmp_path / "a.xml", SKELETON.format(group=1) + BOX)).faces
    assert face.box is None


def test_shapes_of_several_points_have_numbers(tmp_path):
    shapes = '<points label="face" occluded="0" points="1.5,2.5;3,4;5,6"/><polygon label="hat" points="1,2;3,4;5,1"/>'
    file = read_cvat_file(write(tmp_path / "a.xml", shapes))
    assert file.names == ("0", "1", "2")
    assert file.faces[0].points[0].tolist() == [1, 2]
    assert not file.faces[0].visible.any()


def test_single_points_belong_to_their_group(tmp_path):
    shapes = "".join(
        f'<points label="{label}" occluded="0" points="{x},2"{group}/>'
        for label, x, group in (("eye", 1.5, ' group_id="1"'), ("nose", 2.5, ' group_id="1"'), ("eye", 3.5, ""))
    )
    file = read_cvat_file(write(tmp_path / "a.xml", shapes))
    assert [face.points[face.mask][:, 0].tolist() for face in file.faces] == [[1, 2], [3]]


def test_images_of_a_project_are_in_the_folder_of_their_subset(tmp_path):
    file = read_cvat_file(write(tmp_path / "a.xml", SKELETON.format(group=1), 'name="a.jpg" subset="Train"'))
    assert file.other_names == {"a.jpg": ["Train/a.jpg"]}


def test_label_is_chosen(tmp_path):
    file = write(tmp_path / "a.xml", SKELETON.format(group=1) + SKELETON.format(group=2).replace('"face"', '"dog"'))
    with pytest.raises(FormatError, match="several labels have points; choose one as the subset: face, dog"):
        read_cvat_file(file)
    assert read_cvat_file(file, "dog").category == "dog"
    with pytest.raises(FormatError, match="no label 'cat' with points; labels with points: face, dog"):
        read_cvat_file(file, "cat")


def test_names_that_xml_cannot_contain_are_rejected():
    with pytest.raises(FormatError, match="XML cannot contain characters of this name"):
        cvat_text([AnnotatedImage("a\x01.jpg", 80, 60, [])], ["nose"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML that can be read"),
        ("<dataset/>", "not CVAT's XML for images"),
        ('<annotations><track id="0"/></annotations>', 'export the task as "CVAT for images 1.1"'),
        ("<annotations><image/></annotations>", "image 0: the name of the image is missing"),
        (SKELETON.replace('"chin"', '"nose"'), r"image 0 \(a.jpg\), skeleton: the part 'nose' occurs twice"),
        (SKELETON.replace("11.50", "nan"), r"expected two numbers, not 'nan 30.00'"),
        (SKELETON.replace("11.50,", ""), r"expected two numbers, not '30.00'"),
        (SKELETON.replace("11.50", "1e9"), "are too large"),
        (SKELETON.replace('label="chin"', ""), "a shape has no label"),
        (BOX.replace("40.50", "wide"), "box: expected two numbers, not 'wide 50.50'"),
        (
            '<points label="face" points="1,2;3,4"/><points label="face" points="1,2;3,4;5,6"/>',
            "the shapes of 'face' have 2 and 3 points",
        ),
        ('<points label="eye" points="1,2"/><points label="eye" points="3,4"/>', "the part 'eye' occurs twice"),
    ],
)
def test_error_names_file_and_shape(tmp_path, text, message):
    path = tmp_path / "a.xml"
    if text.startswith(("<skeleton", "<box", "<points")):
        write(path, text)
    else:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=f"a.xml.*{message}"):
        read_cvat_file(path)


def test_file_without_faces(tmp_path):
    assert read_cvat_file(write(tmp_path / "a.xml", "")).faces == []
    assert np.shape(read_cvat_file(write(tmp_path / "a.xml", BOX)).faces) == (0,)
