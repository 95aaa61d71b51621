"""Many pictures on all processors: each process does whole pictures, with one thread.

    for faces in align_all(pictures, settings, on_error):        # in the order of the pictures
        ...

Processes, because a picture's way from one network to the next is Python, which a process runs in one thread at a time;
one thread each, because a network of this size gains less from a second one than a second picture does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from facelattice.aligner import FaceAligner
from facelattice.face import Face
from facelattice.pictures import PictureError
from facelattice.threads import keep_to, usable_cpus

CHUNK = 4  # pictures that a process takes at a time
FEW = 24  # pictures that one process has done before others would have started

_aligner: FaceAligner | None = None
_keep_pictures = False


class WorkerError(RuntimeError):
    """A process died amid its work."""


def align_all(
    pictures: Sequence[Path],
    settings: dict[str, Any],
    on_error: Callable[[Path, PictureError], None],
    jobs: int | None = None,
    keep_pictures: bool = False,
) -> Iterator[list[Face]]:
    """The faces of each picture file, in order, as `FaceAligner.batch` gives them.

    settings: those of `FaceAligner`, with names in place of objects. jobs: processes; None is one for each processor
    where there are many pictures. keep_pictures: whether faces of other processes hold their picture, which costs its
    way from there. ``on_error`` is called in the turn of a picture that cannot be read; its faces are an empty list.
    Memory is bounded: few chunks are under way at a time. Raises at once what FaceAligner raises, WorkerError later.
    """
    aligner = FaceAligner(**settings)
    jobs = jobs or (usable_cpus() if len(pictures) > FEW else 1)
    if jobs == 1:
        return aligner.batch(pictures, on_error)
    return _in_processes(pictures, settings, on_error, jobs, keep_pictures)


def _in_processes(
    pictures: Sequence[Path],
    settings: dict[str, Any],
    on_error: Callable[[Path, PictureError], None],
    jobs: int,
    keep_pictures: bool,
) -> Iterator[list[Face]]:
    spawn = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(1, initializer=start_deaf, initargs=({signal.SIGINT},)) as starter,
        ProcessPoolExecutor(jobs, spawn, _start, (settings, keep_pictures)) as pool,
    ):
        waiting: deque[Future] = deque()
        chunk = 1 if keep_pictures else CHUNK  # photos are large, and many would wait here
        try:
            for i in range(0, len(pictures), chunk):
                waiting.append(starter.submit(pool.submit, _align, pictures[i : i + chunk]).result())
                if len(waiting) > 2 * jobs:
                    yield from _take(waiting.popleft().result(), on_error)
            while waiting:
                yield from _take(waiting.popleft().result(), on_error)
        except BrokenProcessPool as error:
            raise WorkerError("a process died amid its work; was there too little memory?") from error
        finally:  # Ctrl-C, or nobody wants the rest
            pool.shutdown(cancel_futures=True)


def _take(
    results: list[list[Face] | tuple[Path, str]], on_error: Callable[[Path, PictureError], None]
) -> Iterator[list[Face]]:
    for result in results:
        if isinstance(result, tuple):
            on_error(result[0], PictureError(result[1]))
            yield []
        else:
            yield result


def start_deaf(signals: set[signal.Signals]) -> None:
    """In a thread that starts processes: they never hear these signals, as ignoring them there would come too late for
    one within their first second. Windows knows no such thing; but there, too, none is left half started."""
    if os.name != "nt":
        resource_tracker.ensure_running()  # before, as its start opens the thread's ears again
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def _start(settings: dict[str, Any], keep_pictures: bool) -> None:
    """In a new process: make its aligner. Ctrl-C is for the process that started this one, which will end it."""
    global _aligner, _keep_pictures
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _aligner, _keep_pictures = one_thread_aligner(settings), keep_pictures


def end_with_parent() -> None:
    """In a process that another one started: end when that has ended. Where the program was killed, its processes would
    go on, or wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in processes that were started by another"
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def one_thread_aligner(settings: dict[str, Any]) -> FaceAligner:
    """A `FaceAligner` for one of several processes, which from now on keeps to one thread."""
    keep_to(1)
    return FaceAligner(**settings)


def _align(pictures: Sequence[Path]) -> list[list[Face] | tuple[Path, str]]:
    """In a process: the faces of each picture, or the picture with what is wrong with it."""
    assert _aligner is not None, "_start has run"
    wrong: dict[Path, str] = {}
    found = [
        faces if _keep_pictures else [replace(face, picture=None) for face in faces]
        for faces in _aligner.batch(pictures, lambda path, error: wrong.update({path: str(error)}))
    ]
    return [(path, wrong[path]) if path in wrong else faces for path, faces in zip(pictures, found, strict=True)]
