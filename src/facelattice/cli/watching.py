"""What `align` does with videos: clips, cameras and numbered pictures."""

from __future__ import annotations

import glob
import time as clock
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from facelattice.aligner import FaceAligner
from facelattice.cli.photos import without_results
from facelattice.cli.program import counted, err, out, say, told
from facelattice.draw import draw_faces
from facelattice.formats import free_name
from facelattice.video.crops import CropWriter
from facelattice.video.reading import (
    NUMBER,
    VIDEO_SUFFIXES,
    NumberedPictures,
    Video,
    VideoError,
    is_sequence,
    open_camera,
    open_video,
)
from facelattice.video.rows import ROW_FORMATS, RowWriter
from facelattice.video.tracking import Tracker
from facelattice.video.writing import VideoWriter

_RECENT = 50  # frames that the speed shown is of


def is_video(name: str) -> bool:
    """True for a video file by its name, and for a pattern of numbered pictures such as frames/%04d.png."""
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
    if format is not None and format not in ROW_FORMATS:
        raise typer.BadParameter(f"--format of a video is one of {', '.join(ROW_FORMATS)}, not {format!r}")
    taken: set[str] = set()
    failed = False
    videos = without_results([Path(name) for name in inputs], r"(_faces|_track\d+(-\d+)?)\.mp4", out_dir)
    sources: list[Path | int] = [*videos, *([camera] if camera is not None else [])]
    for source in sources:
        stem = free_name(f"camera{source}" if isinstance(source, int) else _stem(source), taken)
        try:
            with open_camera(source) if isinstance(source, int) else open_video(source) as video:
                sound = source if isinstance(source, Path) and source.is_file() else None
                tracker, path = Tracker(aligner, smooth), (out_dir or Path()) / stem
                failed |= not _align(video, sound, tracker, path, out_dir is not None, format, draw, crops)
        except (VideoError, OSError) as error:
            failed = True
            say(told(error))
    if failed:
        raise typer.Exit(1)


def _stem(path: Path) -> str:
    """What the files written for a video are called after: numbered pictures after what is left of their name without
    the number, or else after their folder."""
    if not is_sequence(path):
        return path.stem
    return NUMBER.sub("", path.stem).strip("_-. ") or path.resolve().parent.name or "frames"  # in / there is no name


def _align(
    video: Video | NumberedPictures,
    sound: Path | None,
    tracker: Tracker,
    stem: Path,
    points: bool,
    format: str | None,
    draw: bool,
    crops: bool,
) -> bool:
    """Follow the faces, and write the points, the drawing and the crops, whatever of them is wanted. False where one
    had to be given up."""
    count = faces_seen = 0
    tracks: set[int] = set()
    stopped: KeyboardInterrupt | VideoError | None = None
    whole = True
    drawn: VideoWriter | None = None
    cut: CropWriter | None = None
    rows: RowWriter | None = None
    extras: dict[str, tuple[VideoWriter | CropWriter, Callable[..., None]]] = {}  # given up before the points are

    def give_up(what: str, error: VideoError) -> None:
        """For want of room, or of such frames in H.264."""
        nonlocal whole
        whole = False
        extras.pop(what)[0].discard()
        if rows is None and not extras:
            raise error
        say(f"{error}; going on without {what}")

    with _bar(video) as progress, ExitStack() as files:  # the bar stays until the files are whole
        bar = progress.add_task(stem.name, total=video.frames)
        recent = deque([clock.monotonic()], maxlen=_RECENT)
        try:
            for count, (time, picture) in enumerate(video, 1):
                # The drawing first, so that it is finished last: that takes longest.
                if count == 1 and draw:
                    path = stem.with_name(f"{stem.name}_faces.mp4")
                    drawn = VideoWriter(path, video.rate, sound, video.start, video.pixel_aspect)
                    files.push(_by_itself(drawn))
                    extras["the drawing"] = drawn, lambda p, f, t, to=drawn: to.write(draw_faces(p, f), t)
                if count == 1 and crops:
                    cut = CropWriter(stem, video.rate)
                    files.push(_by_itself(cut))
                    extras["the crops"] = cut, lambda p, f, t, to=cut: to.write(f, t)
                if count == 1 and points:
                    path = stem.with_name(f"{stem.name}.{'csv' if format == 'csv' else 'jsonl'}")
                    rows = files.enter_context(RowWriter(path, format or "json"))
                faces = tracker(picture, time)
                faces_seen += len(faces)
                tracks |= {face.track for face in faces if face.track is not None}
                for what, (_, write) in list(extras.items()):
                    try:
                        write(picture, faces, time)
                    except VideoError as error:
                        give_up(what, error)
                while rows is not None:
                    try:
                        rows.write(count - 1 + video.broken, time, faces)
                        break
                    except VideoError as error:
                        if not extras:
                            raise
                        give_up(next(iter(extras)), error)
                recent.append(clock.monotonic())
                rate = (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3)
                progress.update(bar, advance=1, description=f"{rate:.0f} frames/s")
        except (KeyboardInterrupt, VideoError) as error:  # what was done so far becomes whole files
            stopped = error
            if drawn is not None:
                drawn.end_sound_here()
        if drawn is not None and sound is not None:
            progress.update(bar, description="adding the sound")
        if count == 0 and stopped is None:
            raise VideoError(f"{video.name}: not one of its frames can be read")
    done = f"{counted(len(tracks), 'face')} followed, {counted(faces_seen, 'sight')} in {counted(count, 'frame')}"
    broken = f", {counted(video.broken, 'unreadable frame')} passed over" if video.broken else ""
    out.print(Text(f"{video.name}: {done}{broken}"), soft_wrap=True)
    written = [rows.path] if rows is not None else []
    written += [drawn.path] if drawn is not None and "the drawing" in extras else []
    for path in [*written, *(cut.paths if cut is not None else [])]:
        out.print(Text(f"written: {path}"), soft_wrap=True)
    if drawn is not None and drawn.silent:
        say(f"{drawn.path}: without the sound, which cannot be kept ({drawn.silent})")
    if stopped is not None:
        raise stopped
    return whole


def _by_itself(writer: VideoWriter | CropWriter) -> Callable[..., None]:
    """The exit of a writer, to be pushed: that another file cannot be finished does not cost this one."""

    def leave(kind: type[BaseException] | None, *rest: Any) -> None:
        others = kind is not None and issubclass(kind, (VideoError, OSError))
        writer.__exit__(*((None, None, None) if others else (kind, *rest)))

    return leave


def _bar(video: Video | NumberedPictures) -> Progress:
    known: list[Any] = [BarColumn(), TaskProgressColumn(), TimeRemainingColumn()] if video.frames else []
    return Progress(
        TimeElapsedColumn(), *known, TextColumn("{task.description}"), console=err, transient=True,
        disable=not err.is_terminal,
    )  # fmt: skip
