from __future__ import annotations

import re

import numpy as np
import pytest

from facelattice.video.nuke import tracker_script
from facelattice.video.point_tracks import PointTracks


def test_tracker_node(square_tracks):
    script = tracker_script(square_tracks)
    assert script.startswith(
        "Tracker4 {\n inputs 0\n tracks { { 1 31 2 }\n{ { 5 1 20 enable e 1 }\n{ 3 1 75 name name 1 }\n"
    )
    assert script.count("{") == script.count("}")
    assert " reference_frame 1\n name FaceTrack3\n" in script
    (row,) = re.findall(r'^ \{ .*"1 nose".*\}$', script, re.MULTILINE)
    assert row == (
        ' { {curve K x1 1 x3 0 x5 1 x6 0} "1 nose" {curve x1 50.500 x2 51.500 x5 52.500} '
        "{curve x1 79.500 x2 77.500 x5 75.500} {0} {0} 1 0 0 {0} 1 0 -32 -32 32 32 -22 -22 22 22 " + 11 * "{} " + "}"
    )


def test_each_column_has_a_value(square_tracks):
    script = tracker_script(square_tracks)
    columns = re.findall(r"\{ \d \d \d+ (\w+) \w+ 1 \}", script)
    assert (len(columns), columns[:4], columns[-1]) == (
        31, ["enable", "name", "track_x", "track_y"], "key_centre_offset_y",
    )  # fmt: skip
    (row,) = re.findall(r'^ \{ (.*"1 nose".*) \}$', script, re.MULTILINE)
    assert len(re.findall(r'\{[^}]*\}|"[^"]*"|\S+', row)) == 31


@pytest.mark.parametrize(("frames", "keys"), [
    ([40, 41, 42], "x1 0 x41 1 x44 0"),
    ([1, 3], "x1 0 x2 1 x3 0 x4 1 x5 0"),
    ([0], "x1 1 x2 0"),
])  # fmt: skip
def test_tracks_are_disabled_before_the_face_appears(frames, keys):
    tracks = PointTracks(1, ("nose",), 200, 100, 25.0, frames, [np.zeros((1, 2), np.float32)] * len(frames))
    assert re.findall(r'\{curve K (.*?)\} "0 nose"', tracker_script(tracks)) == [keys]
