"""Stabilized face crops: a video of each tracked face, upright, with its landmarks at fixed positions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.formats.names import unique_stem
from facelattice.schemes import SCHEMES, mean_shape
from facelattice.video.tracker import MAX_HIDDEN_SECONDS
from facelattice.video.writer import VideoWriter

MIN_ERROR = 1e-3  # of the face side: lower limit of the expected errors


def stabilized_crop(face: Face, size: int = 256, margin: float = 1.5) -> np.ndarray:
    """Cut out a face with its landmarks aligned to the mean face.

    The crop depends on all landmarks. So an open mouth moves the chin, but not the whole face as in `Face.crop`. Only
    built-in schemes have a mean face; faces of other schemes are cut out by `Face.crop`.

    Args:
        face: A face with its image.
        size: Side of the crop, in pixels.
        margin: Side of the crop / side of the mean face.

    Returns:
        The crop, uint8 RGB (size, size, 3).

    Raises:
        ArgumentError: If the face has no image.
    """
    if face.image is None:
        raise ArgumentError("the face has no image to crop from")
    if face.scheme.name not in SCHEMES:
        return face.crop(size, margin=margin)
    target = size / 2 - 0.5 + (mean_shape(face.scheme) - 0.5) * size / margin
    errors = np.maximum(face.expected_errors, MIN_ERROR * geometry.box_side(face.box))
    return geometry.warp(face.image, geometry.similarity(face.points, target, 1 / errors**2), size)


class CropWriter:
    """Writes the crops of each track into a video STEM_trackN.mp4. The file of a track that has ended is closed.

    A track that continues later, which `max_faces` can cause, continues in STEM_trackN-2.mp4.

    Args:
        stem: Folder and start of the file names.
        rate: Frames per second, approximately.
        template: "upright" for `stabilized_crop`, or another template of `Face.crop`.

    Attributes:
        paths: The files so far.
    """

    def __init__(self, stem: Path, rate: float, template: str = "upright") -> None:
        self.paths = list[Path]()
        self._stem, self._rate, self._template = stem, rate, template
        self._writers: dict[int, VideoWriter] = {}
        self._last_times: dict[int, float] = {}
        self._taken_endings: set[str] = set()

    def __enter__(self) -> CropWriter:
        return self

    def write(self, faces: Sequence[Face], time: float) -> None:
        """Add the crops of a frame.

        Args:
            faces: Faces with tracks.
            time: Time of the frame in seconds.

        Raises:
            ArgumentError: If a face has no track or no image.
            VideoError: If a file cannot be written.
        """
        for face in faces:
            if face.track is None:
                raise ArgumentError("the face has no track; use the faces of a Tracker")
            if face.track not in self._writers:
                self._open(face.track)
            crop = stabilized_crop(face) if self._template == "upright" else face.crop(template=self._template)
            self._writers[face.track].write(crop, time)
            self._last_times[face.track] = time
        for track in [track for track, last in self._last_times.items() if time - last > MAX_HIDDEN_SECONDS]:
            self._writers[track].__exit__(None, None, None)
            del self._writers[track], self._last_times[track]  # not reached for an unfinished file: see discard()

    def discard(self) -> None:
        """Remove the unfinished files, to free their disk space at once."""
        for writer in self._writers.values():
            writer.discard()
            self.paths.remove(writer.path)
        self._writers.clear()
        self._last_times.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as writers:  # a file that cannot be finished does not affect the others
            for writer in self._writers.values():
                writers.callback(writer.__exit__, kind, error, traceback)

    def _open(self, track: int) -> None:
        ending = unique_stem(f"_track{track}", self._taken_endings)
        path = self._stem.with_name(f"{self._stem.name}{ending}.mp4")
        self._writers[track] = VideoWriter(path, self._rate)
        self.paths.append(path)
