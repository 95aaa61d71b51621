from __future__ import annotations

import json

import pytest

from facelattice.datasets.readers import labelme
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

DOG = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})


def write(path, *names):
    path.parent.mkdir(exist_ok=True)
    shapes = [{"label": name, "shape_type": "point", "points": [[k, 2.5]]} for k, name in enumerate(names)]
    content = {"shapes": shapes, "imagePath": f"{path.stem}.jpg", "imageData": None}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_files_below_a_folder(tmp_path):
    write(tmp_path / "a.json", "nose", "left_eye")
    write(tmp_path / "more" / "b.json", "left_eye", "right_eye", "nose")
    first, second = labelme.read(tmp_path, scheme=DOG).samples
    assert (first.path, second.path) == (tmp_path / "a.jpg", tmp_path / "more" / "b.jpg")
    assert first.points[[0, 2]].tolist() == [[0.5, 2], [-0.5, 2]]
    assert first.mask.tolist() == [True, False, True]
    assert len(labelme.read(tmp_path / "a.json", scheme=DOG).samples) == 1


def test_there_are_no_subsets(tmp_path):
    with pytest.raises(DataError, match="labelme has no subsets, so there is no 'train'"):
        labelme.read(write(tmp_path / "a.json", "nose", "left_eye"), "train")
