"""Files that appear whole or not at all, and what they are called."""

from __future__ import annotations

import errno
import math
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

LONGEST = 200  # bytes of a stem; the whole name may have 255
NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}  # such errors come without a name


@contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "w") -> Iterator[IO[Any]]:
    """A file opened for writing, text ("w", UTF-8) or bytes ("wb"), that appears under its name only when it is whole.

    Missing folders are made. Where the body raises, Ctrl-C included, whatever stood at ``path`` before stays as it was.
    Raises IsADirectoryError before the body runs where a folder is called so.
    """
    path = Path(path)
    part = part_of(path)
    # surrogateescape: an image's name on disk need not be valid UTF-8, and still goes through a file and back.
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    try:
        with open(part, mode, **text) as file:  # type: ignore[call-overload]
            yield file
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and (error.errno in NO_ROOM or str(error.filename) == str(part)):
            raise type(error)(error.errno, error.strerror, str(path)) from error  # nobody has heard of the other name
        raise


def part_of(path: Path) -> Path:
    """A name of its own for a file that is not whole yet, in the same folder, so that the renaming is atomic. Missing
    folders are made. Raises IsADirectoryError where a folder is called as the file: the renaming would fail, and only
    after all the work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    return path.parent / f".facelattice-{secrets.token_hex(8)}.part"


def short_stem(stem: str) -> str:
    """The stem, cut where it is so long that with an ending such as -2_faces.jpg no disk would take it."""
    data = os.fsencode(stem)
    return stem if len(data) <= LONGEST else data[:LONGEST].decode("utf-8", "ignore")


def unique_stem(stem: str, taken: set[str]) -> str:
    """The stem (`short_stem`), or stem-2, stem-3 ... where it is taken already; on some disks upper and lower case are
    the same."""
    stem = short_stem(stem)
    name, k = stem, 1
    while name.casefold() in taken:
        k += 1
        name = f"{stem}-{k}"
    taken.add(name.casefold())
    return name


def relative_name(folder: Path, image: str | os.PathLike) -> str:
    """The path of an image to write into a file that lies in ``folder``."""
    try:
        name = os.path.relpath(image, folder)
        if os.path.realpath(os.path.join(folder, name)) != os.path.realpath(image):
            name = os.path.relpath(image, os.path.realpath(folder))  # .. leads out of where a link leads to
    except ValueError:  # another drive, on Windows
        name = os.path.abspath(image)
    return Path(name).as_posix()


def valid_utf8(name: str) -> str:
    """A name whose bytes need not be UTF-8 (`os.fsdecode`), with those that are not written out, for files that take
    nothing else."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def numbers(where: str, cells: Sequence[str]) -> tuple[float, float]:
    """Two cells as finite numbers; ``where`` names file and line in the ValueError."""
    try:
        x, y = map(float, cells)
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"{where}: expected two numbers, not {' '.join(cells)!r}")
    return x, y
