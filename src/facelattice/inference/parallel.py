"""Alignment of many images in several processes.

    for faces in align_all(paths, {"model": "ibug68"}, on_error):  # in the order of the paths
        ...

Each process aligns whole images on one thread: Python code between the networks runs in one thread of a process at a
time, and networks of this size gain less from a second thread than from a second image.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from facelattice.exceptions import ImageError, WorkerError
from facelattice.face import Face
from facelattice.image_formats import silence_pillow
from facelattice.inference.aligner import FaceAligner, OnError
from facelattice.onnx_session import num_usable_cpus, set_num_threads

CHUNK_SIZE = 4
"""Number of images in one task of a process."""

MAX_SINGLE_PROCESS_IMAGES = 24
"""By default, up to this number of images is aligned in the calling process, as starting others would take longer."""

Result = list[Face] | tuple[Path, str]
"""The faces of an image, or its path and the error message. (An exception would lose its attributes in a pipe.)"""

_aligner: FaceAligner | None = None  # in a worker process
_keep_images = False


def align_all(
    images: Sequence[Path],
    settings: dict[str, Any],
    on_error: OnError,
    jobs: int | None = None,
    keep_images: bool = False,
    isolate: bool = False,
) -> Iterator[list[Face]]:
    """Align image files in several processes.

    If a worker process dies, the images that it may have been processing are tried again one by one. An image whose
    process dies again is reported as an ImageError, and the run continues.

    Args:
        images: Image files.
        settings: Arguments of `FaceAligner`; models and detectors by name or picklable.
        on_error: Called with an image that cannot be used and the error. Its faces are an empty list.
        jobs: Number of processes. None for one process per processor, if there are more than 24 images.
        keep_images: Whether faces from other processes keep their image, which takes time to transfer.
        isolate: Use other processes for few images too, so that an image that kills its process does not end the run.

    Yields:
        The faces of each image, in order. Few images are held at a time.

    Raises:
        ModelError: If the model file cannot be used.
        ArgumentError: If a setting has a value that is not allowed.
        WorkerError: If worker processes do not start.
    """
    aligner = FaceAligner(**settings)  # raises errors at once
    jobs = jobs or (num_usable_cpus() if isolate or len(images) > MAX_SINGLE_PROCESS_IMAGES else 1)
    if jobs == 1 and not isolate:
        return aligner.batch(images, on_error)
    return _align_in_processes(images, settings, on_error, jobs, keep_images)


def _align_in_processes(
    images: Sequence[Path], settings: dict[str, Any], on_error: OnError, jobs: int, keep_images: bool
) -> Iterator[list[Face]]:
    chunk_size = 1 if keep_images else CHUNK_SIZE  # photos are large, and results wait in memory
    max_chunks = 2 * jobs
    position = 0
    while position < len(images):
        for result in _run_pool(images[position:], settings, keep_images, jobs, chunk_size, max_chunks):
            position += 1
            yield _faces(result, on_error)
        # If the pool is broken, one of the chunks in progress has crashed a process.
        suspects = images[position : position + max_chunks * chunk_size]
        num_safe = 0
        for result in _run_pool(suspects, settings, keep_images, jobs=1, chunk_size=1, max_chunks=1, check_start=True):
            num_safe += 1
            yield _faces(result, on_error)
        position += num_safe
        if num_safe < len(suspects):
            image = images[position]
            yield _faces((image, f"{image}: a worker process died while processing this image"), on_error)
            position += 1


def _run_pool(
    images: Sequence[Path],
    settings: dict[str, Any],
    keep_images: bool,
    jobs: int,
    chunk_size: int,
    max_chunks: int,
    check_start: bool = False,
) -> Iterator[Result]:
    """Yield the results of images in order, until the end or until a process of the pool dies.

    At most ``max_chunks`` chunks are in progress. ``check_start`` raises WorkerError if the processes do not start.
    """
    if not images:
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        ThreadPoolExecutor(1, initializer=block_signals, initargs=({signal.SIGINT},)) as starter,
        ProcessPoolExecutor(jobs, spawn, _start_worker, (settings, keep_images)) as pool,
    ):
        pending: deque[Future[list[Result]]] = deque()
        try:
            if check_start:
                try:
                    starter.submit(pool.submit, os.getpid).result().result()
                except BrokenProcessPool as error:
                    raise WorkerError("worker processes die when they start; there may be too little memory") from error
            for start in range(0, len(images), chunk_size):
                if len(pending) == max_chunks:
                    yield from pending.popleft().result()
                pending.append(starter.submit(pool.submit, _align_chunk, images[start : start + chunk_size]).result())
            while pending:
                yield from pending.popleft().result()
        except BrokenProcessPool:
            return
        finally:  # also on Ctrl-C, and when the caller stops early
            pool.shutdown(cancel_futures=True)


def _faces(result: Result, on_error: OnError) -> list[Face]:
    if isinstance(result, tuple):
        on_error(result[0], ImageError(result[1]))
        return []
    return result


def block_signals(signals: set[signal.Signals]) -> None:
    """Block signals in this thread and so in the processes that it starts.

    Run it in the thread that starts worker processes: a new process would receive the signals until it ignores them
    itself. Does nothing on Windows.
    """
    if os.name != "nt":
        resource_tracker.ensure_running()  # starting it later would unblock the signals
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def exit_with_parent() -> None:
    """End this worker process when its parent process ends, also if the parent is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only worker processes have a parent"
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def single_thread_aligner(settings: dict[str, Any]) -> FaceAligner:
    """Create a `FaceAligner` for a worker process, and let this process use one thread from now on."""
    set_num_threads(1)
    return FaceAligner(**settings)


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _start_worker(settings: dict[str, Any], keep_images: bool) -> None:
    """Initialize a worker process. Ctrl-C is handled by its parent."""
    global _aligner, _keep_images
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
    silence_pillow()
    _aligner, _keep_images = single_thread_aligner(settings), keep_images


def _align_chunk(images: Sequence[Path]) -> list[Result]:
    """Align images in a worker process."""
    assert _aligner is not None, "_start_worker has run"
    errors: dict[Path, str] = {}
    results = [
        faces if _keep_images else [replace(face, image=None) for face in faces]
        for faces in _aligner.batch(images, lambda path, error: errors.update({path: str(error)}))
    ]
    return [(path, errors[path]) if path in errors else faces for path, faces in zip(images, results, strict=True)]
