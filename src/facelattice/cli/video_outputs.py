"""The output files of one video: landmarks, drawing, face crops and tracks for other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from facelattice.cli.console import print_error, print_message
from facelattice.cli.drawings import DrawingOptions
from facelattice.exceptions import VideoError
from facelattice.face import Face
from facelattice.formats.names import escape_non_utf8, relative_path, unique_stem
from facelattice.video.crops import CropWriter
from facelattice.video.frame import Frame
from facelattice.video.landmark_writer import SUFFIXES, LandmarkWriter, video_in_landmarks
from facelattice.video.numbered_images import NumberedImages
from facelattice.video.reader import CAMERA, Video
from facelattice.video.track_writer import TrackWriter
from facelattice.video.writer import VideoWriter

DRAWING, CROPS = "the drawing", "the crops"  # in messages


class VideoOutputs:
    """Writes the output files of one video. They are opened with the first frame.

    Landmarks have priority. If the disk is full, or if H.264 cannot store the frames, the drawing and the crops are
    abandoned, and the landmarks of the remaining frames are still written.

    Args:
        video: The video.
        stem: Folder and start of the file names.
        landmark_format: "json" or "csv"; None for no file of landmarks.
        audio_source: A video whose audio is added to the drawing.
        drawing: How STEM_faces.mp4 is drawn; None to write none.
        crops: Template for STEM_trackN.mp4 of each track, see `CropWriter`; None to write none.
        tracks: Program for which the points of each track are written, see `TrackWriter`; None to write none.

    Attributes:
        is_incomplete: Whether files were abandoned.
    """

    def __init__(
        self,
        video: Video | NumberedImages,
        stem: Path,
        landmark_format: str | None,
        audio_source: Path | None,
        drawing: DrawingOptions | None,
        crops: str | None,
        tracks: str | None,
    ) -> None:
        self.is_incomplete = False
        self._video, self._stem, self._landmark_format = video, stem, landmark_format
        self._audio_source, self._drawing, self._crops, self._tracks = audio_source, drawing, crops, tracks
        self._is_open = False
        self._landmark_writer: LandmarkWriter | None = None
        self._drawing_writer: VideoWriter | None = None
        self._crop_writer: CropWriter | None = None
        self._track_writer: TrackWriter | None = None
        self._active: dict[str, VideoWriter | CropWriter] = {}  # drawing and crops that have not been abandoned
        self._exits = ExitStack()

    def __enter__(self) -> VideoOutputs:
        return self

    def write(self, frame: Frame, faces: list[Face]) -> None:
        """Add a frame to all files.

        Raises:
            VideoError: If none of the files can be written any more.
        """
        if not self._is_open:
            self._is_open = True
            self._open()
        if self._track_writer is not None:
            self._track_writer.write(frame, faces)
        for name, writer in list(self._active.items()):
            try:
                if isinstance(writer, VideoWriter):
                    assert self._drawing is not None
                    writer.write(self._drawing.draw(frame.image, faces), frame.time)
                else:
                    writer.write(faces, frame.time)
            except VideoError as error:
                self._abandon(name, error)
        while self._landmark_writer is not None:
            try:
                self._landmark_writer.write(frame.number, frame.time, faces)
                return
            except VideoError as error:
                if not self._active:
                    raise
                self._abandon(next(iter(self._active)), error)  # this frees space on the disk

    def end_audio_here(self) -> None:
        """End the audio of the drawing with the last frame: the work was interrupted."""
        if self._drawing_writer is not None:
            self._drawing_writer.end_audio_here()

    @property
    def has_audio(self) -> bool:
        """Whether audio is added at the end, which takes time."""
        return DRAWING in self._active and self._audio_source is not None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, traceback)

    def print_paths(self) -> None:
        """Print the complete files, and the reason if audio is missing."""
        paths = [self._landmark_writer.path] if self._landmark_writer is not None else []
        if self._drawing_writer is not None and self._drawing_writer.is_complete:
            paths.append(self._drawing_writer.path)
        for writer in (self._crop_writer, self._track_writer):
            paths += writer.paths if writer is not None else []
        for path in paths:
            print_message(f"written: {path}")
        if self._drawing_writer is not None and self._drawing_writer.audio_error:
            path, reason = self._drawing_writer.path, self._drawing_writer.audio_error
            print_error(f"{path}: the audio is missing, because it cannot be written ({reason})")

    def _open(self) -> None:
        if self._drawing is not None:  # opened first to be finished last, which takes longest
            self._drawing_writer = self._active[DRAWING] = VideoWriter(
                self._stem.with_name(f"{self._stem.name}_faces.mp4"),
                self._video.rate,
                self._audio_source,
                self._video.start,
                self._video.pixel_aspect,
            )
            self._exits.push(_finish_despite_errors(self._drawing_writer))
        if self._tracks is not None:
            video = self._video
            clip = video.first_path if isinstance(video, NumberedImages) else Path(video.name)
            self._track_writer = TrackWriter(self._stem, self._tracks, video.rate, clip.name)
            self._exits.push(_finish_despite_errors(self._track_writer))
        if self._crops is not None:
            self._crop_writer = self._active[CROPS] = CropWriter(self._stem, self._video.rate, self._crops)
            self._exits.push(_finish_despite_errors(self._crop_writer))
        if self._landmark_format is not None:
            path = self._stem.with_name(self._stem.name + SUFFIXES[self._landmark_format])
            name = name_in_results(self._video.name, self._stem.parent)
            self._landmark_writer = self._exits.enter_context(LandmarkWriter(path, self._landmark_format, name))

    def _abandon(self, name: str, error: VideoError) -> None:
        self.is_incomplete = True
        self._active.pop(name).discard()
        if self._landmark_writer is None and not self._active:
            raise error
        print_error(f"{error}; continuing without {name}")


def choose_stem(stem: str, video: str, folder: Path, landmark_format: str | None, taken: set[str]) -> str:
    """Choose the start of the names of a video's files, so that results of other videos are not overwritten.

    Args:
        stem: The stem that is preferred.
        video: Name of the video.
        folder: Folder of the files.
        landmark_format: "json" or "csv", the format of the file with the name of the video; None without landmarks.
        taken: Stems in use, see `unique_stem`.
    """
    while True:
        chosen = unique_stem(stem, taken)
        other = None if landmark_format is None else video_in_landmarks(folder / f"{chosen}{SUFFIXES[landmark_format]}")
        if other in (None, name_in_results(video, folder)):
            return chosen


def name_in_results(video: str, folder: Path) -> str:
    """Return the name of a video in its results: the path relative to their folder, or the name of a camera."""
    is_camera = re.fullmatch(rf"{CAMERA}\d+", video) is not None
    return escape_non_utf8(video if is_camera else relative_path(video, folder))


def _finish_despite_errors(writer: VideoWriter | CropWriter | TrackWriter) -> Callable[..., None]:
    """Return a function that exits a writer, and finishes its file even if another file could not be written."""

    def finish(kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if kind is not None and issubclass(kind, (VideoError, OSError)):
            writer.__exit__(None, None, None)
        else:
            writer.__exit__(kind, error, traceback)

    return finish
