"""Files with the points of each track for compositing programs: After Effects, Nuke and Blender.

    with TrackWriter(Path("clip"), "nuke", rate=25) as writer:
        for frame in video:
            writer.write(frame, tracker(frame.image, frame.time))

The files are written at the end, because these formats list one point after another. Until then, the points are in
memory: 0.5 KB for each face in a frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from facelattice.atomic_files import write_file
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.video.after_effects import keyframe_texts
from facelattice.video.blender import tracking_script
from facelattice.video.frame import Frame
from facelattice.video.nuke import tracker_script
from facelattice.video.point_tracks import PointTracks

TRACK_PROGRAMS = ("aftereffects", "nuke", "blender")


class TrackWriter:
    """Writes the points of each track.

    - aftereffects: STEM_trackN_aftereffects/30_nose_tip.txt, keyframes of a position for each point.
    - nuke: STEM_trackN.nk, a script with a Tracker4 node.
    - blender: STEM_trackN_blender.py, a Python script that adds the tracks to the movie clip.

    After KeyboardInterrupt the files hold the frames so far; after another exception none are written.

    Args:
        stem: Folder and start of the file names.
        program: One of `TRACK_PROGRAMS`.
        rate: Frames per second.
        clip: Name of the video file, or of the first numbered image, for Blender; None for the name of ``stem``.

    Attributes:
        paths: The files so far; of After Effects the folders.

    Raises:
        ArgumentError: If the program is unknown.
    """

    def __init__(self, stem: Path, program: str, rate: float, clip: str | None = None) -> None:
        if program not in TRACK_PROGRAMS:
            raise ArgumentError(f"unknown program {program!r}; expected one of {', '.join(TRACK_PROGRAMS)}")
        self.paths = list[Path]()
        self._stem, self._program, self._rate, self._clip = stem, program, rate, clip or stem.name
        self._tracks: dict[int, PointTracks] = {}

    def __enter__(self) -> TrackWriter:
        return self

    def write(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Add a frame.

        Raises:
            ArgumentError: If a face has no track, or other points than before.
        """
        height, width = frame.image.shape[:2]
        for face in faces:
            if face.track is None:
                raise ArgumentError("the face has no track; use the faces of a Tracker")
            new = PointTracks(face.track, face.scheme.names, width, height, self._rate)
            self._tracks.setdefault(face.track, new).add(frame.number, face)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not issubclass(kind, KeyboardInterrupt):
            return
        for number, tracks in self._tracks.items():
            self._write_track(f"{self._stem.name}_track{number}", tracks)

    def _write_track(self, name: str, tracks: PointTracks) -> None:
        if self._program == "aftereffects":
            path = self._stem.with_name(f"{name}_aftereffects")
            for i, (point, text) in enumerate(zip(tracks.names, keyframe_texts(tracks), strict=True)):
                write_file(path / f"{i:02}_{re.sub(r'[^A-Za-z0-9_-]+', '_', point)[:60]}.txt", text)
        elif self._program == "nuke":
            path = self._stem.with_name(f"{name}.nk")
            write_file(path, tracker_script(tracks))
        else:
            path = self._stem.with_name(f"{name}_blender.py")
            write_file(path, tracking_script(tracks, self._clip))
        self.paths.append(path)
