from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import Scheme
from facelattice.video.frame import Frame
from facelattice.video.track_writer import TRACK_PROGRAMS, TrackWriter

SCHEME = Scheme.from_dict({"name": "odd", "points": ["left/eye", "nose tip"]})
IMAGE = np.zeros((60, 80, 3), np.uint8)


def make_face(track: int | None) -> Face:
    points = np.array([[10, 20], [30, 40]], np.float32)
    return Face(points, np.ones(2, np.float32), 0.9, points_box(points), SCHEME, track=track)


def write(folder, program, error=None) -> TrackWriter:
    with TrackWriter(folder / "clip", program, 25.0) as writer:
        writer.write(Frame(0, 0.0, IMAGE), [make_face(1)])
        writer.write(Frame(1, 0.04, IMAGE), [make_face(1), make_face(2)])
        if error is not None:
            raise error
    return writer


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("aftereffects", ["clip_track1_aftereffects", "clip_track2_aftereffects"]),
        ("nuke", ["clip_track1.nk", "clip_track2.nk"]),
        ("blender", ["clip_track1_blender.py", "clip_track2_blender.py"]),
    ],
)
def test_files_of_each_track(tmp_path, program, names):
    for _ in range(2):  # a second run replaces the files
        assert [path.name for path in write(tmp_path, program).paths] == names
    assert sorted(os.listdir(tmp_path)) == names
    if program == "aftereffects":
        assert sorted(os.listdir(tmp_path / names[0])) == ["00_left_eye.txt", "01_nose_tip.txt"]
    elif program == "nuke":
        assert "{curve x2 10.500}" in (tmp_path / names[1]).read_text(encoding="utf-8")
    else:
        assert "CLIP = 'clip'" in (tmp_path / names[0]).read_text(encoding="utf-8")


@pytest.mark.parametrize("program", TRACK_PROGRAMS)
def test_only_an_interruption_keeps_the_frames_so_far(tmp_path, program):
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, program, KeyboardInterrupt())
    assert len(os.listdir(tmp_path)) == 2
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="broken"):
        write(tmp_path / "other", program, ValueError("broken"))
    assert os.listdir(tmp_path / "other") == []


def test_video_without_faces_has_no_files(tmp_path):
    with TrackWriter(tmp_path / "clip", "nuke", 25.0) as writer:
        writer.write(Frame(0, 0.0, IMAGE), [])
    assert (writer.paths, os.listdir(tmp_path)) == ([], [])


def test_wrong_arguments_are_rejected(tmp_path):
    with pytest.raises(ArgumentError, match="unknown program 'flame'; expected one of aftereffects, nuke, blender"):
        TrackWriter(tmp_path / "clip", "flame", 25.0)
    with (
        TrackWriter(tmp_path / "clip", "nuke", 25.0) as writer,
        pytest.raises(ArgumentError, match="the face has no track"),
    ):
        writer.write(Frame(0, 0.0, IMAGE), [replace(make_face(1), track=None)])
