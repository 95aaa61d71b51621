"""Files that get their name only when they are complete.

Example:
    with atomic_write("result.json") as file:
        json.dump(result, file)
"""

from __future__ import annotations

import errno
import os
import platform
import re
import secrets
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

# Errors that are raised without a file name when an open file is written to.
WRITE_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
TEMPORARY = re.compile(r"\.facelattice-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.part")
MAX_AGE = 24 * 3600  # seconds without a change after which a temporary file of another machine counts as stale


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w", overwrite: bool = True) -> Iterator[IO[Any]]:
    """Open a file for writing that replaces ``path`` when the block ends without an exception.

    Missing folders are created. If the block raises, also KeyboardInterrupt, an existing file is not changed. A
    symbolic link stays a link: the file that it points to is replaced. The permissions of a file are kept, and a
    read-only file is not replaced. A device or a FIFO is written directly.

    Args:
        path: The file.
        mode: "w" for UTF-8 text, which may contain undecodable bytes of file names, or "wb" for bytes.
        overwrite: Replace an existing file.

    Yields:
        The open file.

    Raises:
        IsADirectoryError: If ``path`` is a folder; before the block runs.
        FileExistsError: If the file exists and ``overwrite`` is False; no other process can take the name in between.
        OSError: If the file cannot be written; it names ``path``.
    """
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    if _is_special(path) and overwrite:
        with errors_for(path), open(path, mode, **text) as file:  # type: ignore[call-overload]
            yield file
        return
    temporary = temporary_path(path)
    try:
        with errors_for(path, temporary):
            with open(temporary, mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
                yield file
            publish(temporary, path, overwrite)
    except BaseException:
        remove(temporary)
        raise


def write_file(path: str | os.PathLike[str], content: str | bytes | memoryview, overwrite: bool = True) -> None:
    """Write a whole file as `atomic_write` does, text as UTF-8.

    Raises:
        FileExistsError: If the file exists and ``overwrite`` is False.
        OSError: If the file cannot be written; it names ``path``.
    """
    with atomic_write(path, "w" if isinstance(content, str) else "wb", overwrite) as file:
        file.write(content)


def temporary_path(path: str | os.PathLike[str]) -> Path:
    """Choose a unique hidden name for a file that `publish` renames to ``path``.

    The name is in the folder of ``path``, or of its target if it is a link, and contains the process number. Missing
    folders are created. Temporary files of dead processes in the folder are removed.

    Raises:
        IsADirectoryError: If ``path`` is a folder.
        NotADirectoryError: If the folder of ``path`` is a file.
        OSError: If ``path`` is a device or a FIFO, or a file that may not be written.
    """
    path = resolve_link(Path(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # would mean that the path itself exists, for `overwrite=False`
        raise NotADirectoryError(errno.ENOTDIR, "is not a folder", str(path.parent)) from None
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(path))
    if _is_special(path):
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    with suppress(FileNotFoundError):
        os.close(os.open(path, os.O_WRONLY))  # raises for a read-only file, which a rename would replace
    _remove_stale_files(os.path.abspath(path.parent))
    return path.parent / f".facelattice-{_machine()}-{os.getpid()}-{secrets.token_hex(8)}.part"


def publish(temporary: Path, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Rename a finished temporary file to ``path``, or to its target if it is a link.

    It gets the permissions of the file that it replaces.

    Raises:
        FileExistsError: If ``path`` exists and ``overwrite`` is False.
    """
    path = resolve_link(Path(path))
    if overwrite:
        with suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)  # fails if the name exists, in one step
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links: claim the name with an empty file
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(temporary, path)
    else:
        remove(temporary)


def resolve_link(path: Path) -> Path:
    """Return the target of a symbolic link, and other paths unchanged."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on a folder, if the system and the disk support it."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def file_version(path: Path) -> tuple[int, ...] | None:
    """Return numbers that change when a file is replaced or written to; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def remove(path: Path) -> None:
    """Remove a file if it exists. Errors are ignored, as they must not hide an earlier one."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def errors_for(path: str | os.PathLike[str], temporary: Path | None = None) -> Iterator[None]:
    """Name ``path`` in an OSError about an open file without a name, or about its temporary file."""
    try:
        yield
    except OSError as error:
        is_unnamed = error.filename is None and error.errno in WRITE_ERRORS
        is_temporary = temporary is not None and str(error.filename) == str(temporary)
        if is_unnamed or is_temporary:
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise


def _is_special(path: Path) -> bool:
    """Return whether the path is a device, a FIFO or a socket."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@cache
def _remove_stale_files(folder: str) -> None:
    """Remove temporary files of dead processes from a folder; once in each process, as folders can be large."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = TEMPORARY.fullmatch(entry.name)
            if match and _is_stale(match[1], int(match[2]), entry.stat().st_mtime):
                remove(Path(entry.path))


def _is_stale(machine: str, process: int, modified: float) -> bool:
    if machine == _machine() and os.name != "nt":  # on Windows, os.kill(process, 0) ends the process
        return not _is_running(process)
    return time.time() - modified > MAX_AGE


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # such as the process of another user
        pass
    return True


@cache
def _machine() -> str:
    """Return eight hexadecimal digits that identify the machine, or the container with its own process numbers."""
    namespace = 0
    with suppress(OSError):
        namespace = os.stat("/proc/self/ns/pid").st_ino
    return f"{zlib.crc32(f'{platform.node()} {namespace}'.encode()):08x}"
