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
    """Run a script of Blender with clips of these files; returns the markers of each track of each clip."""

    def run(script: str, *files: str) -> list[dict[str, Markers]]:
        def make_clip(file: str) -> tuple[SimpleNamespace, dict[str, Markers]]:
            tracks: dict[str, Markers] = {}

            def new(name: str, frame: int) -> SimpleNamespace:
                tracks[name] = Markers()
                return SimpleNamespace(markers=tracks[name])

            camera = SimpleNamespace(tracks=SimpleNamespace(new=new))
            return SimpleNamespace(filepath=f"//{file}", tracking=SimpleNamespace(objects=[camera])), tracks

        clips = [make_clip(file) for file in files]
        bpy = SimpleNamespace(
            data=SimpleNamespace(movieclips=[clip for clip, _ in clips]),
            path=SimpleNamespace(basename=lambda path: path.removeprefix("//")),
        )
        monkeypatch.setitem(sys.modules, "bpy", bpy)
        exec(compile(script, "tracks.py", "exec"), {})
        return [tracks for _, tracks in clips]

    return run


def test_markers_of_each_point(run_script, square_tracks):
    (tracks,) = run_script(tracking_script(square_tracks, "clip.mp4"), "clip.mp4")
    assert list(tracks) == ["face 3, 0 chin", "face 3, 1 nose"]
    markers = tracks["face 3, 1 nose"]
    assert {frame: marker.mute for frame, marker in markers.items()} == {1: False, 2: False, 3: True, 5: False, 6: True}
    assert markers[1].co == pytest.approx([50.5 / 200, 1 - 20.5 / 100])
    assert markers[3].co == markers[2].co


def test_odd_names(run_script, square_tracks):
    names = ('a"""\\n', "{b}\\")
    tracks = PointTracks(1, names, 10, 10, 25.0, square_tracks.frames, square_tracks.points)
    (found,) = run_script(tracking_script(tracks, 'c"\\.mp4'), "only one.mov")
    assert list(found) == ['face 1, 0 a"""\\n', "face 1, 1 {b}\\"]


def test_tracks_are_muted_before_the_face_appears(run_script):
    points = [np.array([[50 + i, 20]], np.float32) for i in range(3)]
    tracks = PointTracks(1, ("nose",), 200, 100, 25.0, [40, 41, 42], points)
    (found,) = run_script(tracking_script(tracks, "clip.mp4"), "clip.mp4")
    (markers,) = found.values()
    assert {frame: marker.mute for frame, marker in markers.items()} == {
        40: True, 41: False, 42: False, 43: False, 44: True,
    }  # fmt: skip
    assert markers[40].co == markers[41].co


def test_tracks_are_added_to_the_clip_of_the_file(run_script, square_tracks):
    other, clip = run_script(tracking_script(square_tracks, "clip.mp4"), "another.mp4", "clip.mp4")
    assert (len(other), len(clip)) == (0, 2)


@pytest.mark.parametrize("files", [(), ("another.mp4", "third.mp4")])
def test_script_without_the_clip_says_so(run_script, square_tracks, files):
    with pytest.raises(RuntimeError, match=r"clip.mp4 is not loaded: open it first"):
        run_script(tracking_script(square_tracks, "clip.mp4"), *files)
