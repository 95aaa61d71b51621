from __future__ import annotations

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import get_scheme
from facelattice.video.point_tracks import PointTracks


def make_face(name: str = "five") -> Face:
    scheme = get_scheme(name)
    points = np.arange(2 * len(scheme), dtype=np.float32).reshape(-1, 2)
    return Face(points, np.ones(len(scheme), np.float32), 0.9, points_box(points), scheme, track=1)


def test_positions_and_times_without_gaps():
    tracks = PointTracks(1, get_scheme("five").names, 100, 50, 25.0)
    for frame in (3, 4, 5, 8, 10, 11):
        tracks.add(frame, make_face())
    assert tracks.runs() == [(3, 5), (8, 8), (10, 11)]
    assert tracks.positions().shape == (6, 5, 2)
    assert tracks.positions()[0, 1].tolist() == [2.5, 3.5]


def test_face_of_another_scheme_is_rejected():
    tracks = PointTracks(1, get_scheme("five").names, 100, 50, 25.0)
    with pytest.raises(ArgumentError, match="track 1 has 5 points of another scheme"):
        tracks.add(0, make_face("ibug68"))
