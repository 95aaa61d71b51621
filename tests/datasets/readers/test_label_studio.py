from __future__ import annotations

import json

import pytest

from facelattice.datasets.readers import label_studio
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme


def write(path, image):
    size = {"original_width": 80, "original_height": 60}
    names = ("left_eye", "right_eye", "nose_tip", "left_mouth_corner", "right_mouth_corner")
    results = [
        {"type": "keypointlabels", **size, "value": {"x": 10 * k, "y": 20, "keypointlabels": [name]}}
        for k, name in enumerate(names)
    ]
    tasks = [{"annotations": [{"result": results}], "data": {"image": image}}]
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("image", "place"),
    [
        ("/data/local-files/?d=photos/a.jpg", "photos/a.jpg"),
        ("/data/local-files/?d=on/the/server/a.jpg", "a.jpg"),
        ("/data/upload/3/1a2b3c4d-a.jpg", "images/1a2b3c4d-a.jpg"),  # as Label Studio exports it
        ("/data/upload/3/1a2b3c4d-a.jpg", "images/a.jpg"),
        ("s3://bucket/a.jpg", "a.jpg"),
    ],
)
def test_images(tmp_path, write_image, image, place):
    path = write_image(tmp_path / place)
    (sample,) = label_studio.read(write(tmp_path / "a.json", image)).samples
    assert sample.path == path
    assert sample.scheme is get_scheme("five")


def test_there_are_no_subsets(tmp_path):
    with pytest.raises(DataError, match="Label Studio's JSON has no subsets, so there is no 'train'"):
        label_studio.read(write(tmp_path / "a.json", "a.jpg"), "train")
