"""Names of videos on the command line: files, globs, and patterns of numbered images."""

from __future__ import annotations

import glob
from pathlib import Path

from facelattice.file_search import VIDEO_SUFFIXES
from facelattice.video.numbered_images import NUMBER, is_numbered_pattern


def is_video(name: str) -> bool:
    """Return whether a name is that of a video file, or a pattern of numbered images such as frames/%04d.png."""
    path = Path(name)
    return is_numbered_pattern(path) or (path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir())


def expand_video_glob(name: str) -> list[str]:
    """Return the videos that match a glob such as *.mp4. Other names are returned unchanged."""
    if is_video(name) and not Path(name).exists():
        return sorted(filter(is_video, glob.glob(name, recursive=True))) or [name]
    return [name]


def output_stem(video: Path) -> str:
    """Return the start of the names of output files: the stem of a video file.

    For numbered images it is their name without the number, or the name of their folder if nothing else is left.
    """
    if not is_numbered_pattern(video):
        return video.stem
    return NUMBER.sub("", video.stem).strip("_-. ") or video.resolve().parent.name or "frames"  # "/" has no name
