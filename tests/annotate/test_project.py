from __future__ import annotations

import os

import numpy as np
import pytest

from facelattice.annotate.project import UNTOUCHED, Project, VersionError
from facelattice.annotate.table import FaceAnnotation
from facelattice.exceptions import ArgumentError, DataError
from facelattice.schemes import Scheme

SCHEME = Scheme.from_dict({"name": "three", "points": ["a", "b", "c"]})
FACE = FaceAnnotation(np.array([(1, 2), (3, 4), (5, 9)], np.float32), np.zeros(3, bool))


@pytest.fixture
def open_project(tmp_path, faces):
    """Open the project again and again; the one before is closed."""
    projects: list[Project] = []

    def start(given=None) -> Project:
        if projects:
            projects[-1].close()
        projects.append(Project(tmp_path / "points.csv", SCHEME, sorted(faces.glob("*.png")), given))
        return projects[-1]

    yield start
    projects[-1].close()


def test_changes_are_in_the_table_at_once(open_project, tmp_path):
    project = open_project()
    assert (project.records[3].faces, project.records[3].version) == (None, UNTOUCHED)
    project.update(3, UNTOUCHED, [FACE], done=True)
    project.update(1, UNTOUCHED, [], done=False)
    lines = (tmp_path / "points.csv").read_text(encoding="utf-8").splitlines()
    assert [line.rsplit("/", 1)[1] for line in lines[1:]] == [
        "face01.png,,,,,,,,0",
        "face03.png,1.000,2.000,3.000,4.000,5.000,9.000,000,1",
    ]


def test_work_continues_with_the_same_versions(open_project):
    project = open_project()
    record = project.update(3, UNTOUCHED, [FACE], done=True)
    again = open_project()
    assert len(again.records) == 12
    assert again.records[3].version == record.version
    assert again.records[3].done
    np.testing.assert_array_equal(again.records[3].faces[0].points, FACE.points)
    with pytest.raises(VersionError):  # a window from before the restart
        again.update(3, UNTOUCHED, [], done=False)


def test_two_windows_do_not_overwrite_each_other(open_project):
    project = open_project()
    first = project.update(0, UNTOUCHED, [FACE], done=False)
    with pytest.raises(VersionError):
        project.update(0, UNTOUCHED, [], done=False)
    assert project.records[0] is first
    project.update(0, first.version, [FACE], done=True)


def test_given_faces_are_replaced_by_saved_ones(open_project, faces):
    given = {path: [FACE, FACE] for path in sorted(faces.glob("*.png"))[:2]}
    project = open_project(given)
    assert [record.faces and len(record.faces) for record in project.records[:3]] == [2, 2, None]
    project.update(1, project.records[1].version, [FACE], done=True)
    again = open_project(given)
    assert [record.faces and len(record.faces) for record in again.records[:3]] == [2, 1, None]


def test_bad_faces_are_rejected(open_project, tmp_path):
    project = open_project()
    for points, message in (
        ([(1, 2), (np.nan, np.nan), (np.nan, np.nan)], "at least two points in different places"),
        ([(1, 2), (1, 2), (1, 2)], "at least two points in different places"),
        ([(1, 2), (3, 1e9), (1, 2)], "too far"),
        ([(1, 2), (3, 4)], "needs 3 points"),
    ):
        face = FaceAnnotation(np.array(points, np.float32), np.zeros(len(points), bool))
        with pytest.raises(ArgumentError, match=message):
            project.update(0, UNTOUCHED, [face], done=True)
    assert not (tmp_path / "points.csv").exists()


def test_a_table_that_cannot_be_written_changes_nothing(open_project, tmp_path):
    project = open_project()
    (tmp_path / "points.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"points\.csv"):
        project.update(0, UNTOUCHED, [FACE], done=True)
    (tmp_path / "points.csv").rmdir()
    assert project.records[0].version == UNTOUCHED
    project.update(0, UNTOUCHED, [FACE], done=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_a_table_is_open_only_once(open_project, tmp_path):
    project = open_project()
    with pytest.raises(DataError, match="another `facelattice annotate` has it open"):
        Project(tmp_path / "points.csv", SCHEME, [])
    project.close()
    assert list(tmp_path.iterdir()) == []


def test_done_faces_as_samples(open_project):
    project = open_project()
    project.update(3, UNTOUCHED, [FACE, FACE], done=True)
    project.update(4, UNTOUCHED, [FACE], done=False)
    samples = project.done_samples()
    assert [(sample.path.name, sample.scheme.name) for sample in samples] == [("face03.png", "three")] * 2
