from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest
from facelattice_synthetic import FaceGenerator, write_dataset
from facelattice_synthetic.__main__ import main
from facelattice_synthetic.dataset import DatasetError


def test_tables_images_and_going_on(tmp_path, generator, capsys):
    write_dataset(tmp_path, generator, 2)
    first = (tmp_path / "images" / "000001.jpg").read_bytes()
    assert "2 of 2 faces" in capsys.readouterr().err
    # A killed process leaves half a row, and a row whose image is gone.
    with (tmp_path / "rows.txt").open("a", encoding="utf-8") as file:
        file.write("2,000")
    (tmp_path / "images" / "000001.jpg").unlink()
    write_dataset(tmp_path, generator, 3)
    assert "2 of 2 faces" in capsys.readouterr().err
    assert (tmp_path / "images" / "000001.jpg").read_bytes() == first
    assert cv2.imread(str(tmp_path / "images" / "000002.jpg")).shape == (96, 96, 3)
    for count in (68, 98):
        rows = list(csv.reader((tmp_path / f"points{count}.csv").open(encoding="utf-8")))
        assert rows[0] == ["image", *(f"{axis}{k}" for k in range(count) for axis in "xy"), "visibility"]
        assert [row[0] for row in rows[1:]] == [f"images/{k:06d}.jpg" for k in range(3)]
        assert all(len(row[-1]) == count and set(row[-1]) <= set("012") for row in rows[1:])
    points = generator(2).points
    np.testing.assert_allclose(np.array(rows[3][1:-1], float).reshape(-1, 2), points, atol=0.006)


def test_a_folder_of_another_seed_is_refused(tmp_path, generator):
    write_dataset(tmp_path, generator, 1)
    other = FaceGenerator.__new__(FaceGenerator)
    other.config, other.seed = generator.config, 99
    with pytest.raises(DatasetError, match="another seed"):
        write_dataset(tmp_path, other, 1)


def test_missing_parts_are_named(tmp_path, capsys):
    assert main([str(tmp_path / "out"), "--assets", str(tmp_path)]) == 1
    assert "skins/textures: not a folder" in capsys.readouterr().err.replace("\\", "/")


def test_a_wrong_option_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--count", "0", "--assets", str(tmp_path)])
    assert "--count 0: must be 1 or more" in capsys.readouterr().err
