"""Names of output files, and names of images inside them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_STEM_BYTES = 200  # a whole name may have 255 bytes


def truncate_stem(stem: str) -> str:
    """Shorten a stem so that a suffix such as -2_faces.jpg still fits into the longest name of a file system."""
    data = os.fsencode(stem)
    return stem if len(data) <= MAX_STEM_BYTES else data[:MAX_STEM_BYTES].decode("utf-8", "ignore")


def unique_stem(stem: str, taken: set[str]) -> str:
    """Choose a stem that is not taken, and add it to ``taken``.

    Args:
        stem: The stem that is preferred; it is shortened by `truncate_stem`.
        taken: Stems in use, case-folded, because some file systems ignore case.

    Returns:
        The stem itself, or with -2, -3, ... appended.
    """
    stem = truncate_stem(stem)
    name, k = stem, 1
    while name.casefold() in taken:
        k += 1
        name = f"{stem}-{k}"
    taken.add(name.casefold())
    return name


class OutputStems:
    """Chooses the stems of the output files of images; no two images get the same.

    Args:
        preferred: Stems of known images, by path. Other images get their own stem, made unique.
    """

    def __init__(self, preferred: Mapping[Any, str] | None = None):
        self._preferred = dict(preferred or {})
        self._taken = {stem.casefold() for stem in self._preferred.values()}

    def candidates(self, image: str | os.PathLike[str]) -> Iterator[str]:
        """Yield stems for an image, best first, endlessly, so that stems in use by other runs can be skipped."""
        stem = Path(image).stem
        yield self._preferred[image] if image in self._preferred else unique_stem(stem, self._taken)
        while True:
            yield unique_stem(stem, self._taken)


def relative_path(image: str | os.PathLike[str], folder: str | os.PathLike[str]) -> str:
    """Return the path of an image relative to a folder, with forward slashes.

    It is valid also if the folder is reached through a link. On another drive it is absolute.
    """
    try:
        name = os.path.relpath(image, folder)
        if os.path.realpath(os.path.join(folder, name)) != os.path.realpath(image):
            name = os.path.relpath(image, os.path.realpath(folder))  # ".." leaves the target of a link, not the link
    except ValueError:  # another drive, on Windows
        name = os.path.abspath(image)
    return Path(name).as_posix()


def escape_non_utf8(name: str) -> str:
    r"""Replace bytes of a file name that are not UTF-8 by escapes such as \xe9, for formats that hold UTF-8 only."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
