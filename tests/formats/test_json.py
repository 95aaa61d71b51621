from __future__ import annotations

import json
import os

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats import images_in_json, read_json, write_json


def test_content(make_face, tmp_path):
    face = make_face()
    write_json(tmp_path / "a.json", "a.jpg", [face, face])
    data = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert data == {"image": "a.jpg", "faces": [face.to_dict(), face.to_dict()]}


def test_round_trip(make_face, tmp_path):
    face, small_face, name = make_face(), make_face(scale=50), os.fsdecode(b"caf\xe9.jpg")
    write_json(tmp_path / "a.json", name, [face, small_face])
    first, second = read_json(tmp_path / "a.json")
    assert (first.image, first.mask.all()) == (name, True)
    np.testing.assert_allclose(first.points, face.points, atol=6e-3)
    np.testing.assert_allclose(second.points, small_face.points, atol=6e-3)
    assert first.expected_errors.tolist() == face.expected_errors.tolist()


def test_missing_points_cannot_be_written(make_face, tmp_path):
    with pytest.raises(FormatError, match=r"a\.json: JSON holds finite points"):
        write_json(tmp_path / "a.json", "a.jpg", [make_face(missing=1)])
    assert os.listdir(tmp_path) == []


def test_images_of_a_folder_with_other_files(make_face, tmp_path):
    write_json(tmp_path / "a.json", "../a.jpg", [make_face()])
    write_json(tmp_path / "b.json", "../b.jpg", [])
    for name, text in (
        ("list", "[1]"),
        ("text", "no JSON"),
        ("nested", "[" * 100_000),
        ("other", '{"image": "c.jpg"}'),
    ):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    assert images_in_json(tmp_path) == {"../a.jpg", "../b.jpg"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.json: not JSON"),
        ("[" * 100_000, "a.json: not JSON"),
        ("[1, 2]", "expected an object with an image and a list of faces"),
        ('{"image": "a.jpg", "faces": [{}]}', "face 0: points, expected_errors and visibility must be"),
        (
            '{"image": "a.jpg", "faces": [{"points": [[1, 2]], "expected_errors": [1, 2]}]}',
            "face 0: .*one expected error",
        ),
        (
            '{"image": 3, "faces": [{"points": [[1, 2]], "expected_errors": [1]}]}',
            "the name of the image is missing, or not text",
        ),
        ('{"image": "a\\u0000.jpg", "faces": []}', "the name of the image contains a null character"),
        (
            '{"image": "a", "faces": [{"points": [[1, 1e300]], "expected_errors": [1]}]}',
            "face 0: coordinates or .* large",
        ),
        ('{"image": "a.jpg", "faces": [{"points": [], "expected_errors": []}]}', "face 0: expected points"),
    ],
)
def test_error_names_file_and_face(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        read_json(tmp_path / "a.json")
