"""Many images on all processors: each process does whole images, with one thread.

    for faces in align_all(images, settings, on_error):        # in the order of the images
        ...

Processes, because an image's way from one network to the next is Python, which a process runs in one thread at a time;
one thread each, because a network of this size gains less from a second one than a second image does.
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

from facelattice.exceptions import ImageError, WorkerError
from facelattice.face import Face
from facelattice.inference.aligner import FaceAligner
from facelattice.onnx_session import num_usable_cpus, set_num_threads

CHUNK = 4  # images that a process takes at a time
FEW = 24  # images that one process has done before others would have started

_aligner: FaceAligner | None = None
_keep_images = False


def align_all(
    images: Sequence[Path],
    settings: dict[str, Any],
    on_error: Callable[[Path, ImageError], None],
    jobs: int | None = None,
    keep_images: bool = False,
) -> Iterator[list[Face]]:
    """The faces of each image file, in order, as `FaceAligner.batch` gives them.

    settings: those of `FaceAligner`, with names in place of objects. jobs: processes; None is one for each processor
    where there are many images. keep_images: whether faces of other processes hold their image, which costs its
    way from there. ``on_error`` is called in the turn of an image that cannot be read; its faces are an empty list.
    Memory is bounded: few chunks are under way at a time. Raises at once what FaceAligner raises, WorkerError later.
    """
    aligner = FaceAligner(**settings)
    jobs = jobs or (num_usable_cpus() if len(images) > FEW else 1)
    if jobs == 1:
        return aligner.batch(images, on_error)
    return _in_processes(images, settings, on_error, jobs, keep_images)


def _in_processes(
    images: Sequence[Path],
    settings: dict[str, Any],
    on_error: Callable[[Path, ImageError], None],
    jobs: int,
    keep_images: bool,
) -> Iterator[list[Face]]:
    spawn = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(1, initializer=block_signals, initargs=({signal.SIGINT},)) as starter,
        ProcessPoolExecutor(jobs, spawn, _start, (settings, keep_images)) as pool,
    ):
        waiting: deque[Future] = deque()
        chunk = 1 if keep_images else CHUNK  # photos are large, and many would wait here
        try:
            for i in range(0, len(images), chunk):
                waiting.append(starter.submit(pool.submit, _align, images[i : i + chunk]).result())
                if len(waiting) > 2 * jobs:
                    yield from _take(waiting.popleft().result(), on_error)
            while waiting:
                yield from _take(waiting.popleft().result(), on_error)
        except BrokenProcessPool as error:
            raise WorkerError("a process died amid its work; was there too little memory?") from error
        finally:  # Ctrl-C, or nobody wants the rest
            pool.shutdown(cancel_futures=True)


def _take(
    results: list[list[Face] | tuple[Path, str]], on_error: Callable[[Path, ImageError], None]
) -> Iterator[list[Face]]:
    for result in results:
        if isinstance(result, tuple):
            on_error(result[0], ImageError(result[1]))
            yield []
        else:
            yield result


def block_signals(signals: set[signal.Signals]) -> None:
    """In a thread that starts processes: they never hear these signals, as ignoring them there would come too late for
    one within their first second. Windows knows no such thing; but there, too, none is left half started."""
    if os.name != "nt":
        resource_tracker.ensure_running()  # before, as its start opens the thread's ears again
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def _start(settings: dict[str, Any], keep_images: bool) -> None:
    """In a new process: make its aligner. Ctrl-C is for the process that started this one, which will end it."""
    global _aligner, _keep_images
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
    _aligner, _keep_images = single_thread_aligner(settings), keep_images


def exit_with_parent() -> None:
    """In a process that another one started: end when that has ended. Where the program was killed, its processes would
    go on, or wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in processes that were started by another"
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def single_thread_aligner(settings: dict[str, Any]) -> FaceAligner:
    """A `FaceAligner` for one of several processes, which from now on keeps to one thread."""
    set_num_threads(1)
    return FaceAligner(**settings)


def _align(images: Sequence[Path]) -> list[list[Face] | tuple[Path, str]]:
    """In a process: the faces of each image, or the image with what is wrong with it."""
    assert _aligner is not None, "_start has run"
    wrong: dict[Path, str] = {}
    found = [
        faces if _keep_images else [replace(face, image=None) for face in faces]
        for faces in _aligner.batch(images, lambda path, error: wrong.update({path: str(error)}))
    ]
    return [(path, wrong[path]) if path in wrong else faces for path, faces in zip(images, found, strict=True)]
