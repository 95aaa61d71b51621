"""Faces cut out of a video so that they stand still: turned upright, and sized and centered by all their landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.face import Face
from facelattice.formats import unique_stem
from facelattice.schemes import SCHEMES, mean_shape
from facelattice.video.tracker import MAX_HIDDEN_SECONDS
from facelattice.video.writer import VideoWriter


def stable_crop(face: Face, size: int = 256, margin: float = 1.5) -> np.ndarray:
    """The face with its landmarks laid on the mean face as well as they go, uint8 (size, size, 3).

    An open mouth moves the chin, not the whole face, as it would in `Face.crop`. Points of a scheme that is not built
    in have no mean face: those are cut out by `Face.crop`. Raises ValueError on a Face that has no image.
    """
    if face.image is None or face.scheme.name not in SCHEMES:
        return face.crop(size, margin)
    target = size / 2 - 0.5 + (mean_shape(face.scheme) - 0.5) * size / margin
    weights = 1 / np.maximum(face.expected_errors, 1e-3 * geometry.box_side(face.box)) ** 2
    return geometry.warp(face.image, geometry.similarity(face.points, target, weights), size)


class CropWriter:
    """Writes each track's crops into a video of its own, STEM_trackN.mp4; a track that has ended has its file closed.

    One that comes back after all, as where only so many faces are wanted, goes on in STEM_trackN-2.mp4. stem: path and
    beginning of the names. rate: about how many frames a second there will be. paths: the files so far.
    """

    def __init__(self, stem: Path, rate: float):
        self.stem, self.rate, self.paths = stem, rate, list[Path]()
        self._open: dict[int, tuple[VideoWriter, float]] = {}
        self._taken: set[str] = set()

    def __enter__(self) -> CropWriter:
        return self

    def write(self, faces: Sequence[Face], time: float) -> None:
        """Add the faces of a frame, which have tracks, at a time in seconds."""
        for face in faces:
            assert face.track is not None, "faces of a Tracker have a track"
            if face.track not in self._open:
                ending = unique_stem(f"_track{face.track}", self._taken)
                path = self.stem.with_name(f"{self.stem.name}{ending}.mp4")
                self._open[face.track] = VideoWriter(path, self.rate), time
                self.paths.append(path)
            writer, _ = self._open[face.track]
            self._open[face.track] = writer, time
            writer.write(stable_crop(face), time)
        for track in [track for track, (_, last) in self._open.items() if time - last > MAX_HIDDEN_SECONDS]:
            self._open[track][0].__exit__(None)
            del self._open[track]  # now, as one that cannot be finished is for `discard`

    def discard(self) -> None:
        """Give up the files that are not finished yet, and their room on the disk at once."""
        for writer, _ in self._open.values():
            writer.discard()
            self.paths.remove(writer.path)
        self._open.clear()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        writers = ExitStack()  # where one cannot be finished the others are
        for writer, _ in self._open.values():
            writers.callback(writer.__exit__, kind, *rest)
        writers.close()
