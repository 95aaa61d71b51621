"""Blender's module bpy cannot be installed for all Python versions; the scripts run with a stand-in that records."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from facelattice.video.blender import tracking_script
from facelattice.video.point_tracks import PointTracks


class Markers(dict):
    """By frame, the position and whether it is muted."""

    def insert_frame(self, frame: int, *, co: list[float]) -> SimpleNamespace:
        self[frame] = SimpleNamespace(co=co, mute=False)
        return self[frame]


@pytest.fixture
def run_script(monkeypatch):
    """Run a script of Blender; returns the markers of each track."""

    def run(script: str, num_clips: int = 1) -> dict[str, Markers]:
        tracks: dict[str, Markers] = {}

        def new(name: str, frame: int) -> SimpleNamespace:
            tracks[name] = Markers()
            return SimpleNamespace(markers=tracks[name])

        clip = SimpleNamespace(tracking=SimpleNamespace(tracks=SimpleNamespace(new=new)))

        class Clips(dict):
            def __getitem__(self, key):
                assert key in ("clip.mp4", 0)
                return clip

            def __len__(self):
                return num_clips

        monkeypatch.setitem(sys.modules, "bpy", SimpleNamespace(data=SimpleNamespace(movieclips=Clips())))
        exec(compile(script, "tracks.py", "exec"), {})
        return tracks

    return run


def test_markers_of_each_point(run_script, square_tracks):
    tracks = run_script(tracking_script(square_tracks, "clip.mp4"))
    assert list(tracks) == ["face 3, 0 chin", "face 3, 1 nose"]
    markers = tracks["face 3, 1 nose"]
    assert {frame: marker.mute for frame, marker in markers.items()} == {1: False, 2: False, 3: True, 5: False, 6: True}
    assert markers[1].co == pytest.approx([50.5 / 200, 1 - 20.5 / 100])
    assert markers[3].co == markers[2].co


def test_odd_names(run_script, square_tracks):
    names = ('a"""\\n', "{b}\\")
    tracks = PointTracks(1, names, 10, 10, 25.0, square_tracks.frames, square_tracks.points)
    assert list(run_script(tracking_script(tracks, 'c"\\.mp4'))) == ['face 1, 0 a"""\\n', "face 1, 1 {b}\\"]


def test_tracks_are_muted_before_the_face_appears(run_script):
    points = [np.array([[50 + i, 20]], np.float32) for i in range(3)]
    tracks = PointTracks(1, ("nose",), 200, 100, 25.0, [40, 41, 42], points)
    (markers,) = run_script(tracking_script(tracks, "clip.mp4")).values()
    assert {frame: marker.mute for frame, marker in markers.items()} == {
        40: True, 41: False, 42: False, 43: False, 44: True,
    }  # fmt: skip
    assert markers[40].co == markers[41].co


def test_script_without_a_loaded_clip_says_so(run_script, square_tracks):
    with pytest.raises(RuntimeError, match="open the clip first"):
        run_script(tracking_script(square_tracks, "clip.mp4"), num_clips=0)
