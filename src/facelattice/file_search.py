"""Finding images in folders, by globs and by names.

Example:
    paths = find_images(["holiday", "*.png"])
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from facelattice.exceptions import FacelatticeError, ImageError
from facelattice.messages import get_logger, list_some, similar_names

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"})
IMAGE_SUFFIXES |= {".ppm", ".tif", ".tiff", ".webp"}
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
VIDEO_SUFFIXES = frozenset({".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v"})
VIDEO_SUFFIXES |= {".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm"}
VIDEO_SUFFIXES |= {".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m"}

MAX_NAMES = 3  # of skipped files in a message
MAX_SIMILAR_NAMES = 2  # in the hint for a missing file
MAX_COMPARED_NAMES = 10_000  # of a folder

# Skipped files that may be expected to be processed as images, and advice for them.
_SKIPPED = {
    HEIF_SUFFIXES: 'images that need: pip install "facelattice[heif]"',
    frozenset({".arw", ".cr2", ".cr3", ".dng", ".jxl", ".nef", ".orf", ".raf", ".rw2"}): (
        "images that cannot be decoded; convert them to JPEG or PNG"
    ),
    VIDEO_SUFFIXES: "videos; give them by name",
}


def image_suffixes() -> frozenset[str]:
    """Return the suffixes of images that can be decoded: `IMAGE_SUFFIXES`, and those of HEIC with the extra "heif"."""
    return IMAGE_SUFFIXES | HEIF_SUFFIXES if find_spec("pillow_heif") else IMAGE_SUFFIXES


def find_images(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Find the images in folders, globs and file names.

    Folders are searched with `walk_files` for names that end in one of `image_suffixes`, without devices and FIFOs. A
    file that is given by name, and a link to a missing file, are always returned, so that loading them reports the
    error. Other files are skipped with a warning to the logger "facelattice": photos that cannot be decoded, videos,
    and files of other kinds.

    Args:
        inputs: Folders, globs and files.

    Returns:
        The files, each once, in the order of ``inputs`` and sorted within a folder or glob.

    Raises:
        ImageError: If a folder or a glob contains no image.
    """
    found: dict[Path, None] = {}  # a dict, because it keeps the order
    skipped: list[Path] = []
    suffixes = image_suffixes()
    for item in inputs:
        path = Path(check_path(item))
        if path.is_dir():
            candidates = sorted(walk_files(path))
        elif path.exists() or not glob.has_magic(str(item)):
            found[path] = None
            continue
        else:
            matches = sorted(Path(match) for match in glob.glob(str(item), recursive=True))
            candidates = [match for match in matches if not match.is_dir()]
        images = [path for path in candidates if path.suffix.lower() in suffixes and is_regular_or_missing(path)]
        others = [path for path in candidates if path.suffix.lower() not in suffixes]
        skipped += others
        if not images:
            listed = "".join(f"; {text}" for text in _describe_skipped(others))
            raise ImageError(f"{item}: no images found there (names that end in {', '.join(sorted(suffixes))}){listed}")
        found.update(dict.fromkeys(images))
    for text in _describe_skipped(skipped):
        get_logger().warning(text)
    return list(found)


def walk_files(folder: Path) -> Iterator[Path]:
    """Iterate over the files in a folder and its subfolders. Links to folders are followed, each folder once.

    Hidden files and folders are left out, such as the ``._NAME`` that macOS writes beside a file. A subfolder that
    cannot be read is left out with a warning to the logger "facelattice".
    """
    visited: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_warn_unreadable, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def suggest_path(path: Path) -> str:
    """Return a hint for a path that does not exist: its first missing part, and similar names.

    Returns:
        For example "; did you mean points.yaml?"; "" if there is no hint.
    """
    missing = path.absolute()
    while missing != missing.parent and not missing.parent.is_dir():
        missing = missing.parent
    if missing.exists():  # a file in place of a folder
        return f"; {missing} is a file"
    try:
        names = sorted(islice(os.listdir(missing.parent), MAX_COMPARED_NAMES))
    except OSError:
        return ""
    by_lower = {name.lower(): name for name in names if not name.startswith(".")}
    near = similar_names(missing.name.lower(), by_lower, MAX_SIMILAR_NAMES)
    same_stem = [name for name in by_lower if Path(name).stem == missing.stem.lower()]  # such as .yml for .yaml
    similar = list(dict.fromkeys([*near, *same_stem]))[:MAX_SIMILAR_NAMES]
    folder = f"; there is no folder {missing}" if missing != path.absolute() else ""
    return folder + (f"; did you mean {' or '.join(by_lower[name] for name in similar)}?" if similar else "")


def check_path(
    path: str | os.PathLike[str], noun: str = "image", error: type[FacelatticeError] = ImageError
) -> str | os.PathLike[str]:
    """Check that a path of the user is neither empty nor a URL, and return it.

    Args:
        path: The path.
        noun: Name of the expected file or folder, for the message.
        error: The error to raise.

    Raises:
        FacelatticeError: If the path is empty or a URL.
    """
    text = os.fsdecode(path)
    if not text:
        raise error(f"the path of the {noun} is empty")
    # Path makes one slash of two. A drive of Windows has one letter.
    if re.match(r"[a-z][a-z0-9+.-]+:/|data:\w+/", text, re.IGNORECASE) and not os.path.exists(text):
        raise error(f"{text[:200]}: URLs are not fetched; download the {noun} and pass its path")
    return path


def is_device(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a device, such as /dev/zero: reading it may never end."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def is_regular_or_missing(path: Path) -> bool:
    """Return whether a path is neither a device, a FIFO, a socket nor a folder."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _warn_unreadable(error: OSError) -> None:
    get_logger().warning("%s: is left out, it cannot be read (%s)", error.filename, error.strerror)


def _describe_skipped(paths: list[Path]) -> list[str]:
    """Describe the skipped files of each kind, such as "skipped 2 .mov: videos; give them by name"."""
    suffixes = Counter(path.suffix.lower() for path in paths)
    texts = []
    for kind, advice in _SKIPPED.items():
        counts = [f"{count} {suffix}" for suffix, count in sorted(suffixes.items()) if suffix in kind]
        if counts:
            texts.append(f"skipped {', '.join(counts)}: {advice}")
    others = [path.name for path in paths if not any(path.suffix.lower() in kind for kind in _SKIPPED)]
    if others:
        noun = "files that are neither images nor videos" if len(others) > 1 else "file that is neither image nor video"
        texts.append(f"skipped {len(others)} {noun}: {list_some(others, MAX_NAMES)}")
    return texts
