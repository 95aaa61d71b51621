"""`facelattice align` for videos: files, a camera, and numbered images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import typer

from facelattice.cli.console import format_error, print_error, print_message, print_notice
from facelattice.cli.drawings import DrawingOptions
from facelattice.cli.earlier_results import drop_results
from facelattice.cli.signals import FILES_COMPLETE, hint_on_stop
from facelattice.cli.video_inputs import output_stem
from facelattice.cli.video_outputs import VideoOutputs, choose_stem
from facelattice.cli.video_progress import FrameProgress
from facelattice.exceptions import VideoError
from facelattice.inference.aligner import FaceAligner
from facelattice.messages import pluralize
from facelattice.video.landmark_writer import LANDMARK_FORMATS
from facelattice.video.numbered_images import NumberedImages
from facelattice.video.reader import CAMERA, Video, open_camera, open_video
from facelattice.video.tracker import Tracker

FAST_MODEL = "ibug68-fast"


@dataclass(frozen=True)
class AlignVideosOptions:
    """Options of `align_videos`.

    Attributes:
        aligner: Finds the faces.
        out_dir: Folder of the output files; None to write only drawing and crops, into the current folder.
        format: Format of the landmarks, "json" or "csv".
        draw: Write a video with the landmarks drawn.
        drawing: How the landmarks are drawn.
        crops: Template for a video of each face, see `CropWriter`; None to write none.
        smooth: Strength of the smoothing: 1 is the tuned value, 0 turns it off.
        tracks: Program for which the points of each track are written, see `TrackWriter`; None to write none.
        proposes_fast_model: Propose `FAST_MODEL` if a video takes long.
    """

    aligner: FaceAligner
    out_dir: Path | None = None
    format: str = "json"
    draw: bool = True
    drawing: DrawingOptions = field(default_factory=DrawingOptions)
    crops: str | None = None
    smooth: float = 1.0
    tracks: str | None = None
    proposes_fast_model: bool = False

    def __post_init__(self) -> None:
        if self.format not in LANDMARK_FORMATS:
            raise typer.BadParameter(f"--format of a video is {' or '.join(LANDMARK_FORMATS)}, not {self.format!r}")

    @property
    def landmark_format(self) -> str | None:
        """Format of the file of landmarks; None if none is written."""
        return None if self.out_dir is None else self.format


def align_videos(videos: list[str], camera: int | None, options: AlignVideosOptions) -> bool:
    """Track the faces of videos and write the output files.

    A video that cannot be read is reported, and the others are still processed.

    Args:
        videos: Video files, or patterns of numbered images.
        camera: The number of a camera; None for no camera.
        options: The options.

    Returns:
        Whether all videos could be read, and their files written.
    """
    paths = drop_results([Path(name) for name in videos], r"(_faces|_track\d+(-\d+)?)\.mp4", options.out_dir)
    sources: list[Path | int] = [*paths, *([camera] if camera is not None else [])]
    taken_stems: set[str] = set()
    has_failed = False
    for source in sources:
        if isinstance(source, int):
            preferred, name = f"camera{source}", f"{CAMERA}{source}"
        else:
            preferred, name = output_stem(source), str(source)
        stem = choose_stem(preferred, name, options.out_dir or Path(), options.landmark_format, taken_stems)
        try:
            has_failed |= not _align_video(source, stem, options)
        except BrokenPipeError:  # the reader of the standard output has ended
            raise
        except (VideoError, OSError) as error:
            has_failed = True
            print_error(format_error(error))
    return not has_failed


def _align_video(source: Path | int, stem: str, options: AlignVideosOptions) -> bool:
    """Process one video; return whether all its files were written."""
    out_dir = options.out_dir or Path()
    audio_source = source if isinstance(source, Path) and source.is_file() else None
    max_pixels = options.aligner.max_pixels
    with open_camera(source) if isinstance(source, int) else open_video(source, max_pixels) as video:
        drawing = options.drawing if options.draw else None
        outputs = VideoOutputs(
            video, out_dir / stem, options.landmark_format, audio_source, drawing, options.crops, options.tracks
        )
        progress = FrameProgress(stem, video.num_frames, _propose_fast_model if options.proposes_fast_model else None)
        _track_faces(video, Tracker(options.aligner, options.smooth), outputs, progress)
    return not outputs.is_incomplete


def _track_faces(
    video: Video | NumberedImages, tracker: Tracker, outputs: VideoOutputs, progress: FrameProgress
) -> None:
    """Track the faces of a video, write them, and print a summary, also if the work is interrupted."""
    num_frames = num_faces = 0
    tracks: set[int | None] = set()
    interruption: KeyboardInterrupt | VideoError | None = None
    with progress, outputs:
        try:
            with hint_on_stop(lambda: FILES_COMPLETE if num_frames else ""):
                for frame in video:
                    faces = tracker(frame.image, frame.time)
                    outputs.write(frame, faces)
                    num_frames, num_faces = num_frames + 1, num_faces + len(faces)
                    tracks |= {face.track for face in faces}
                    progress.advance()
        except (KeyboardInterrupt, VideoError) as error:  # the files are finished with the frames so far
            interruption = error
            outputs.end_audio_here()
        if num_frames == 0 and interruption is None:
            raise VideoError(f"{video.name}: none of its frames can be read")
        if outputs.has_audio:
            progress.describe("adding the audio")
    try:
        faces_text = f"{pluralize(len(tracks), 'tracked face')}, {pluralize(num_faces, 'face observation')}"
        skipped = f"; {pluralize(video.num_unreadable, 'unreadable frame')} skipped" if video.num_unreadable else ""
        print_message(f"{video.name}: {pluralize(num_frames, 'frame')}, {faces_text}{skipped}")
        outputs.print_paths()
    finally:  # also if the terminal was closed, so that nothing can be printed
        if interruption is not None:
            raise interruption


def _propose_fast_model(seconds_left: float) -> None:
    """Propose the fast model, which needs a third of the time for a frame with one face (docs/video.md)."""
    minutes = pluralize(round(seconds_left / 60), "minute")
    print_notice(f"about {minutes} left; --model {FAST_MODEL} takes about a third of the time, and is less exact")
