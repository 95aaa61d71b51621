"""What `align` does with videos: clips, cameras and numbered images."""

from __future__ import annotations

import glob
import time as clock
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from facelattice.cli.align_images import without_results
from facelattice.cli.console import err, format_error, out, pluralize, print_error
from facelattice.exceptions import VideoError
from facelattice.face import Face
from facelattice.formats import unique_stem
from facelattice.inference.aligner import FaceAligner
from facelattice.video.crops import CropWriter
from facelattice.video.landmark_writer import LANDMARK_FORMATS, LandmarkWriter
from facelattice.video.reader import NUMBER, VIDEO_SUFFIXES, NumberedImages, Video, is_sequence, open_camera, open_video
from facelattice.video.tracker import Tracker
from facelattice.video.writer import VideoWriter
from facelattice.visualization.faces import draw_faces

_RECENT = 50  # frames that the speed shown is of


def is_video(name: str) -> bool:
    """True for a video file by its name, and for a pattern of numbered images such as frames/%04d.png."""
    path = Path(name)
    return is_sequence(path) or (path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir())


def matching_videos(name: str) -> list[str]:
    """The videos that a glob such as *.mp4 stands for; any other name as it is."""
    if is_video(name) and not Path(name).exists():
        return sorted(filter(is_video, glob.glob(name, recursive=True))) or [name]
    return [name]


def align_videos(
    inputs: list[str],
    camera: int | None,
    aligner: FaceAligner,
    smooth: float,
    out_dir: Path | None,
    format: str | None,
    draw: bool,
    crops: bool,
) -> None:
    """Follow the faces of each video and write what was asked for. One that cannot be read is named, and the rest
    done."""
    if format is not None and format not in LANDMARK_FORMATS:
        raise typer.BadParameter(f"--format of a video is one of {', '.join(LANDMARK_FORMATS)}, not {format!r}")
    points = None if out_dir is None else format or "json"
    taken: set[str] = set()
    failed = False
    videos = without_results([Path(name) for name in inputs], r"(_faces|_track\d+(-\d+)?)\.mp4", out_dir)
    sources: list[Path | int] = [*videos, *([camera] if camera is not None else [])]
    for source in sources:
        stem = unique_stem(f"camera{source}" if isinstance(source, int) else _stem(source), taken)
        try:
            with open_camera(source) if isinstance(source, int) else open_video(source) as video:
                sound = source if isinstance(source, Path) and source.is_file() else None
                files = _Files((out_dir or Path()) / stem, sound, points, draw, crops)
                failed |= not _follow(video, Tracker(aligner, smooth), files)
        except (VideoError, OSError) as error:
            failed = True
            print_error(format_error(error))
    if failed:
        raise typer.Exit(1)


def _stem(path: Path) -> str:
    """What the files written for a video are called after: numbered images after what is left of their name without
    the number, or else after their folder."""
    if not is_sequence(path):
        return path.stem
    return NUMBER.sub("", path.stem).strip("_-. ") or path.resolve().parent.name or "frames"  # in / there is no name


def _follow(video: Video | NumberedImages, tracker: Tracker, files: _Files) -> bool:
    """Follow the faces, write the files, and say what was seen and written. False where one had to be given up."""
    frames = sights = 0
    tracks: set[int] = set()
    stopped: KeyboardInterrupt | VideoError | None = None
    with _bar(video) as progress, files:  # the bar stays until the files are whole
        bar = progress.add_task(files.stem.name, total=video.frames)
        recent = deque([clock.monotonic()], maxlen=_RECENT)
        try:
            for frames, (time, image) in enumerate(video, 1):
                if frames == 1:
                    files.open(video)
                faces = tracker(image, time)
                sights += len(faces)
                tracks |= {face.track for face in faces if face.track is not None}
                files.write(frames - 1 + video.broken, time, image, faces)
                recent.append(clock.monotonic())
                rate = (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3)
                progress.update(bar, advance=1, description=f"{rate:.0f} frames/s")
        except (KeyboardInterrupt, VideoError) as error:  # what was done so far becomes whole files
            stopped = error
            files.end_sound_here()
        if files.drawing is not None and files.sound is not None:
            progress.update(bar, description="adding the sound")
        if frames == 0 and stopped is None:
            raise VideoError(f"{video.name}: not one of its frames can be read")
    done = f"{pluralize(len(tracks), 'face')} followed, {pluralize(sights, 'sight')} in {pluralize(frames, 'frame')}"
    broken = f", {pluralize(video.broken, 'unreadable frame')} passed over" if video.broken else ""
    out.print(Text(f"{video.name}: {done}{broken}"), soft_wrap=True)
    files.say_written()
    if stopped is not None:
        raise stopped
    return not files.given_up


class _Files:
    """The files of one video, from its first frame on: points ("json" or "csv"), a drawing, and crops, whatever of them
    is wanted.

    Points are worth most: where there is no room for all, or H.264 has no such frames, drawing and crops are given up,
    and the points go on.
    """

    def __init__(self, stem: Path, sound: Path | None, points: str | None, draw: bool, crops: bool):
        self.stem, self.sound, self.given_up = stem, sound, False
        self._points, self._draw, self._crops = points, draw, crops
        self.rows: LandmarkWriter | None = None
        self.drawing: VideoWriter | None = None
        self.crops: CropWriter | None = None
        self._videos: dict[str, VideoWriter | CropWriter] = {}  # drawing and crops, by what a message calls them
        self._exits = ExitStack()

    def __enter__(self) -> _Files:
        return self

    def open(self, video: Video | NumberedImages) -> None:
        """Begin the files: not before there is a frame, as a video without one leaves none."""
        if self._draw:  # first, so that it is finished last: that takes longest
            path = self.stem.with_name(f"{self.stem.name}_faces.mp4")
            self.drawing = VideoWriter(path, video.rate, self.sound, video.start, video.pixel_aspect)
            self._videos["the drawing"] = self.drawing
            self._exits.push(_by_itself(self.drawing))
        if self._crops:
            self.crops = self._videos["the crops"] = CropWriter(self.stem, video.rate)
            self._exits.push(_by_itself(self.crops))
        if self._points is not None:
            path = self.stem.with_name(f"{self.stem.name}.{'csv' if self._points == 'csv' else 'jsonl'}")
            self.rows = self._exits.enter_context(LandmarkWriter(path, self._points))

    def write(self, number: int, time: float, image: np.ndarray, faces: list[Face]) -> None:
        """Add a frame to them all. Raises VideoError where nothing is left to go on with."""
        for what, writer in list(self._videos.items()):
            try:
                if isinstance(writer, VideoWriter):
                    writer.write(draw_faces(image, faces), time)
                else:
                    writer.write(faces, time)
            except VideoError as error:
                self._give_up(what, error)
        while self.rows is not None:
            try:
                self.rows.write(number, time, faces)
                return
            except VideoError as error:
                if not self._videos:
                    raise
                self._give_up(next(iter(self._videos)), error)  # which makes room

    def _give_up(self, what: str, error: VideoError) -> None:
        self.given_up = True
        self._videos.pop(what).discard()
        if self.rows is None and not self._videos:
            raise error
        print_error(f"{error}; going on without {what}")

    def end_sound_here(self) -> None:
        """The work was stopped: the drawing's sound ends with its last frame."""
        if self.drawing is not None:
            self.drawing.end_sound_here()

    def __exit__(self, *error: Any) -> None:
        self._exits.__exit__(*error)

    def say_written(self) -> None:
        """Name the files that are whole, and sound that is missing."""
        written = [self.rows.path] if self.rows is not None else []
        written += [self.drawing.path] if self.drawing is not None and self.drawing.whole else []
        for path in [*written, *(self.crops.paths if self.crops is not None else [])]:
            out.print(Text(f"written: {path}"), soft_wrap=True)
        if self.drawing is not None and self.drawing.silent:
            print_error(f"{self.drawing.path}: without the sound, which cannot be kept ({self.drawing.silent})")


def _by_itself(writer: VideoWriter | CropWriter) -> Callable[..., None]:
    """The exit of a writer, to be pushed: that another file cannot be finished does not cost this one."""

    def leave(kind: type[BaseException] | None, *rest: Any) -> None:
        others = kind is not None and issubclass(kind, (VideoError, OSError))
        writer.__exit__(*((None, None, None) if others else (kind, *rest)))

    return leave


def _bar(video: Video | NumberedImages) -> Progress:
    known: list[Any] = [BarColumn(), TaskProgressColumn(), TimeRemainingColumn()] if video.frames else []
    return Progress(
        TimeElapsedColumn(), *known, TextColumn("{task.description}"), console=err, transient=True,
        disable=not err.is_terminal,
    )  # fmt: skip
