from __future__ import annotations

import numpy as np

from facelattice.datasets import read_samples
from facelattice.formats import write_csv
from facelattice.schemes import get_scheme, mean_shape


def write_table(folder):
    points = mean_shape(get_scheme("ibug68")) * 100 + 200
    write_csv(folder / "faces.csv", [("photos/ann.jpg", points, np.ones(68, bool))] * 2)


def test_a_table_becomes_tasks_of_label_studio(run, folder, tmp_path):
    write_table(tmp_path)
    status, out, err = run("convert", "faces.csv", "tasks/faces.json", "--format", "label-studio", "--scheme", "five")
    assert status == 0
    assert err == (
        "note: not loaded by Label Studio: images outside of the folder of the file (1 of 1); "
        f"write the file into {folder.resolve()}\n"
    )
    assert out == "written: tasks/faces.json, 2 faces in 1 image as label-studio\n"
    samples = read_samples(tmp_path / "tasks")
    assert [sample.scheme.name for sample in samples] == ["five", "five"]
    assert samples[0].path.resolve() == folder / "ann.jpg"


def test_what_is_lost_is_said(run, folder, tmp_path):
    write_table(tmp_path)
    status, _, err = run("convert", "faces.csv", "faces.xml", "--format", "dlib")
    assert (status, err) == (0, "note: rounded: coordinates, to whole pixels\n")


def test_mistakes_are_one_line(run, folder, tmp_path):
    write_table(tmp_path)
    for arguments, message in (
        (("faces.csv", "faces.csv"), "faces.csv: source and target are the same; choose another target"),
        (("faces.csv", "out.xml"), "out.xml: its name does not tell the format; choose it with --format: dlib or cvat"),
        (("none.csv", "out.csv"), "none.csv: there is no such file or folder"),
    ):
        status, out, err = run("convert", *arguments)
        assert (status, out, err) == (2, "", f"{message}\n")
