from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facelattice.video.point_tracks import PointTracks

SetMatrix = Callable[[Path, int, int, int, int], None]


@pytest.fixture(scope="session")
def set_display_matrix() -> SetMatrix:
    """Write a display matrix into an MP4 file: players show x, y at a x + c y, b x + d y."""

    def write(clip: Path, a: int, b: int, c: int, d: int) -> None:
        data = bytearray(clip.read_bytes())
        matrix = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
        start = data.index(b"tkhd") + 44
        data[start : start + 36] = matrix
        clip.write_bytes(data)

    return write


@pytest.fixture
def square_tracks() -> PointTracks:
    """Two points in frames 0, 1 and 4 of 200 x 100 px."""
    points = [np.array([[10, 90], [50 + i, 20 + 2 * i]], np.float32) for i in range(3)]
    return PointTracks(3, ("chin", "nose"), 200, 100, 23.976, [0, 1, 4], points)
