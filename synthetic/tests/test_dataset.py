from __future__ import annotations

import csv
import dataclasses

import cv2
import numpy as np
import pytest
from facelattice_synthetic import DatasetError, FaceGenerator, write_dataset
from facelattice_synthetic.__main__ import main


def test_tables_images_and_continuing(tmp_path, generator, capsys):
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
    poses = list(csv.reader((tmp_path / "poses.csv").open(encoding="utf-8")))
    assert poses[0] == ["image", "yaw", "pitch", "roll"]
    assert [row[0] for row in poses[1:]] == [row[0] for row in rows[1:]]
    points = generator(2).points
    np.testing.assert_allclose(np.array(rows[3][1:-1], float).reshape(-1, 2), points, atol=0.006)


def test_faces_of_other_settings_are_refused(tmp_path, generator):
    write_dataset(tmp_path, generator, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    other = FaceGenerator.__new__(FaceGenerator)  # without the seconds that a whole one takes
    for seed, config, message in (
        (99, generator.config, "have seed=3, not seed=99; give another folder"),
        (3, dataclasses.replace(generator.config, hat=0.0), "have hat=0.18, not hat=0.0; give another folder"),
        (3, dataclasses.replace(generator.config, distance=(9, 9)), "have distance=4.0,25.0, not distance=9,9;"),
    ):
        other.seed, other.config = seed, config
        with pytest.raises(DatasetError, match=message):
            write_dataset(tmp_path, other, 2)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(("name", "content"), [("settings.json", "[1"), ("rows.txt", "first,row\n")])
def test_a_damaged_file_is_named(tmp_path, generator, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=f"{name}: damaged"):
        write_dataset(tmp_path, generator, 1)


def test_missing_parts_are_named(tmp_path, capsys):
    assert main([str(tmp_path / "out"), "--assets", str(tmp_path)]) == 1
    assert "skins/textures: not a folder" in capsys.readouterr().err.replace("\\", "/")


def test_a_wrong_option_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--count", "0", "--assets", str(tmp_path)])
    assert "--count 0: must be 1 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--set", "hat=2", "--assets", str(tmp_path)])
    assert "error: hat=2.0: must be from 0 to 1" in capsys.readouterr().err
