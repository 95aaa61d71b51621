"""The points of one tracked face over time, for compositing programs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facelattice.exceptions import ArgumentError
from facelattice.face import Face


@dataclass
class PointTracks:
    """The points of one track in all frames in which its face was found.

    Attributes:
        number: Number of the track.
        names: Names of the points.
        width: Width of the frames, pixels.
        height: Height of the frames, pixels.
        rate: Frames per second.
        frames: Numbers of the frames, from 0, rising.
        points: The points (N, 2) in each of these frames, pixels.
    """

    number: int
    names: tuple[str, ...]
    width: int
    height: int
    rate: float
    frames: list[int] = field(default_factory=list)
    points: list[np.ndarray] = field(default_factory=list)

    def add(self, frame: int, face: Face) -> None:
        """Add the face of the next frame.

        Raises:
            ArgumentError: If the face has other points than those before.
        """
        if face.scheme.names != self.names:
            raise ArgumentError(f"track {self.number} has {len(self.names)} points of another scheme than this face")
        self.frames.append(frame)
        self.points.append(np.asarray(face.points, np.float32))

    def positions(self) -> np.ndarray:
        """Return the points (F, N, 2) of all frames, relative to the upper left corner of the first pixel."""
        return np.stack(self.points).astype(np.float64) + 0.5

    def runs(self) -> list[tuple[int, int]]:
        """Return the first and last frame of each interval in which the face was found in every frame."""
        starts = [0, *(i for i in range(1, len(self.frames)) if self.frames[i] > self.frames[i - 1] + 1)]
        ends = [*(i - 1 for i in starts[1:]), len(self.frames) - 1]
        return [(self.frames[a], self.frames[b]) for a, b in zip(starts, ends, strict=True)]
