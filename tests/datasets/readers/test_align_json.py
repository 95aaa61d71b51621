from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from facelattice import FaceAligner
from facelattice.datasets.readers.detect_layout import read_dataset, read_samples
from facelattice.exceptions import DataError, FormatError
from facelattice.formats import write_json
from facelattice.schemes import get_scheme

PHOTO = Path(__file__).parents[3] / "examples" / "astronaut.jpg"


def face(num_points: int = 5, **other):
    points = [[k, 2.0 * k] for k in range(num_points)]
    return {"points": points, "expected_errors": [1.0] * num_points, **other}


def write(path, *faces, image="a.png"):
    path.write_text(json.dumps({"image": image, "faces": faces}), encoding="utf-8")
    return path


def test_what_align_wrote_is_read_as_annotation(tmp_path):
    faces = FaceAligner("ibug68-fast")(PHOTO)
    write_json(tmp_path / "photo.json", str(PHOTO), faces)
    for path in (tmp_path, tmp_path / "photo.json"):
        (sample,) = read_samples(path)
        assert sample.path == PHOTO
        assert sample.scheme is get_scheme("ibug68")
        np.testing.assert_allclose(sample.points, faces[0].points, atol=0.01)
        assert (sample.hidden == (faces[0].visibility < 0.5)).all()


def test_folder_with_hidden_points_and_an_image_without_faces(tmp_path, write_image):
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name)
    write(tmp_path / "a.json", face(visibility=[1, 0.4, 0.6, 0, 1], scheme="five"), face(scheme="five"))
    write(tmp_path / "b.json", image="b.png")
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    samples, without_faces = read_dataset(tmp_path)
    assert [sample.hidden.tolist() for sample in samples] == [[False, True, False, True, False], [False] * 5]
    assert [sample.visible.tolist() for sample in samples] == [[True, False, True, False, True], [False] * 5]
    assert without_faces == [tmp_path / "b.png"]


def test_several_schemes_are_rejected(tmp_path):
    write(tmp_path / "a.json", face(scheme="five"))
    write(tmp_path / "b.json", face(68, scheme="ibug68"))
    with pytest.raises(DataError, match="the files have different point schemes: five, ibug68"):
        read_samples(tmp_path)


@pytest.mark.parametrize("visibility", [[1, 1], "11111", [None] * 4, 5])
def test_damaged_visibility_is_named(tmp_path, visibility):
    with pytest.raises(FormatError, match=r"a\.json, face 0: "):
        read_samples(write(tmp_path / "a.json", face(visibility=visibility)))
