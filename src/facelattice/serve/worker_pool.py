"""Processes that find faces, fed with the images that wait: what arrives together runs together.

    workers = Workers(count=2, limit=64)
    await workers.start()
    answer = await workers.ask(Job(data, "ibug68", 0.25, None))
    await workers.stop()

Processes, because an image that crashes its decoder must take nobody with it. A worker takes all that waits when it
gets free, up to a batch, and runs their faces together.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import multiprocessing
import signal
import time
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ImageError, ModelError
from facelattice.face import Face
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT, find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.parallel import block_signals
from facelattice.onnx_session import set_num_threads
from facelattice.serve.decode import decode

BATCH = 8  # images that a worker takes at a time
# The shares of a request's time that a batch may take, and then an image of it alone: this leaves time to answer the
# others of the batch.
TOGETHER, ALONE = 0.25, 0.5
PAUSE = 1.0  # seconds before a worker that could not start is started again


@dataclass(frozen=True)
class Job:
    """An image file's bytes, and what is asked of it; listening: whether whom each point listens to is wanted too."""

    data: bytes
    model: str
    min_score: float
    max_faces: int | None
    listening: bool = False


@dataclass(frozen=True)
class Answer:
    """faces: without their image. listening: (point, the point it listens to, weight) of each face's edges, None
    where not asked for. milliseconds: what decoding took, and finding the faces of the batch that it was in."""

    faces: list[Face]
    listening: list[list[tuple[int, int, float]]] | None
    milliseconds: dict[str, float]


class Busy(RuntimeError):
    """Too many requests wait already."""


class Crashed(RuntimeError):
    """The image took its worker down."""


class Slow(Crashed):
    """The image kept its worker for too long."""


class Failed(RuntimeError):
    """A fault of the server, not of the image."""


@dataclass
class _Waiting:
    job: Job
    future: asyncio.Future
    alone: bool = False  # it is to be run by itself, as a batch that it was in ended badly


@dataclass
class Workers:
    """count: processes. limit: jobs that may wait. seconds: what a request may take."""

    count: int = 1
    limit: int = 64
    seconds: float = 30.0
    waiting: deque[_Waiting] = field(default_factory=deque)

    async def start(self) -> None:
        """Start the processes; returns when they are ready."""
        self._wake = asyncio.Condition()
        self._stopping = False
        self._threads = ThreadPoolExecutor(
            self.count, initializer=block_signals, initargs=({signal.SIGINT, signal.SIGTERM},)
        )
        self._processes = [_Process() for _ in range(self.count)]
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, process.start) for process in self._processes))
        self._tasks = [asyncio.create_task(self._serve(process)) for process in self._processes]

    async def ask(self, job: Job) -> Answer:
        """What is found in a job's image. Raises Busy, ImageError, Crashed, Slow or Failed. Cancelled, it gives its
        place up."""
        if len(self.waiting) >= self.limit:
            raise Busy(f"{len(self.waiting)} requests wait already")
        future = asyncio.get_running_loop().create_future()
        async with self._wake:
            self.waiting.append(_Waiting(job, future))
            self._wake.notify()
        try:
            result: Answer = await future
        finally:
            if future.cancelled():  # whoever asked has gone
                self.waiting = deque(one for one in self.waiting if one.future is not future)
        return result

    @property
    def alive(self) -> bool:
        """Whether any of the processes lives."""
        return any(process.alive for process in self._processes)

    async def stop(self) -> None:
        """Answer what is under way and what waits, then end the processes."""
        async with self._wake:
            self._stopping = True
            self._wake.notify_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown()  # first: where the tasks were cancelled, a thread may still be with its process
        for process in self._processes:
            process.end()

    async def _serve(self, process: _Process) -> None:
        """Feed one process until there is no more to come."""
        loop = asyncio.get_running_loop()
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self.waiting or self._stopping)
                batch = self._next()
            if not batch:
                if self._stopping:
                    return
                continue
            jobs = [waiting.job for waiting in batch]
            seconds = self.seconds * (TOGETHER if len(batch) > 1 else ALONE)
            try:
                results = await loop.run_in_executor(self._threads, process.run, jobs, seconds)
            except Crashed as error:
                await self._again(batch, error)
                continue
            except Exception as error:  # it does not start, and is tried again with the next images
                logging.getLogger("facelattice").error("a worker does not start", exc_info=error)
                await self._left(batch)
                await asyncio.sleep(PAUSE)
                continue
            for waiting, result in zip(batch, results, strict=True):
                if waiting.future.done():
                    continue
                if isinstance(result, Exception):
                    waiting.future.set_exception(result)
                else:
                    waiting.future.set_result(result)

    def _next(self) -> list[_Waiting]:
        """What waits, without those who have gone, up to a batch of one model's."""
        batch: list[_Waiting] = []
        while self.waiting and len(batch) < BATCH:
            first = self.waiting[0]
            if not first.future.done() and batch and (first.alone or batch[0].alone or not _alike(first, batch[0])):
                break
            self.waiting.popleft()
            if not first.future.done():
                batch.append(first)
        return batch

    async def _left(self, batch: list[_Waiting]) -> None:
        """A worker has not started: the others have its images, if there are any that live."""
        async with self._wake:
            if self.alive:
                self.waiting.extendleft(reversed(batch))
                self._wake.notify_all()
                return
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(Failed("the server cannot look at images now"))

    async def _again(self, batch: list[_Waiting], error: Crashed) -> None:
        """One of a batch took the worker down: each is tried alone, and who does it again is format_error."""
        async with self._wake:
            for waiting in reversed(batch):
                if waiting.future.done():
                    continue
                if waiting.alone or len(batch) == 1:
                    waiting.future.set_exception(error)
                else:
                    self.waiting.appendleft(replace(waiting, alone=True))
            self._wake.notify_all()


def _alike(a: _Waiting, b: _Waiting) -> bool:
    return replace(a.job, data=b"") == replace(b.job, data=b"")


class _Process:
    """A worker process and the pipe to it; made anew where it dies."""

    def start(self) -> None:
        """Start it; returns when it is ready. Raises EOFError or OSError where it does not get so far."""
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        atexit.register(self.end)  # a server that fails would wait for ever: its SIGTERM is not heard, see _work
        theirs.close()
        self._pipe.recv()  # it is ready

    def run(self, jobs: list[Job], seconds: float) -> list[Answer | Exception]:
        """The faces of each job, or what went wrong. Raises Crashed or Slow, and is made anew then; EOFError or
        OSError where there is no process and none can be started."""
        if not self.alive:  # it died as it started, or later of something else
            self.end()
            self.start()
        error = Crashed("could not be processed")
        try:
            self._pipe.send(jobs)
            if self._pipe.poll(seconds):
                results: list[Answer | Exception] = self._pipe.recv()
                return results
            error = Slow(f"took longer than {seconds:g} s")
        except (EOFError, OSError):
            pass
        self.end()
        with suppress(EOFError, OSError):
            self.start()
        raise error

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def end(self) -> None:
        """End the process at once."""
        if self._process.pid:  # it may never have started
            self._process.kill()
            self._process.join()
        self._pipe.close()
        atexit.unregister(self.end)


def _work(pipe: Connection) -> None:
    """In a worker process: answer one batch after another, until the other end is closed."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # they are for the server, which answers what is under way first
        signal.signal(stop, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # Pillow's, of odd headers: strangers could fill the log with them
    set_num_threads(1)
    models = {DEFAULT: Model(find_model())}
    pipe.send("ready")
    with suppress(EOFError, OSError):  # OSError: the server was killed amid a batch
        while True:
            pipe.send(_results(models, pipe.recv()))


def _results(models: dict[str, Model], jobs: list[Job]) -> list[Answer | Exception]:
    """What is found for each job, or what went wrong; a fault of the server's is one for the image that meets it."""
    first = jobs[0]
    try:
        if first.model not in models:
            models[first.model] = Model(find_model(first.model))
        # Without max_faces: for one face the aligner only glances, and the best would not be the best of all.
        return _answer(FaceAligner(models[first.model], min_score=first.min_score), jobs)
    except Exception as error:
        if len(jobs) > 1:
            return [result for job in jobs for result in _results(models, [job])]
        logging.getLogger("facelattice").error("a worker has failed", exc_info=error)
        return [Failed("the server has failed")]


def _answer(aligner: FaceAligner, jobs: list[Job]) -> list[Answer | Exception]:
    """What is found for each job, or what is wrong with its image. Images are decoded as the aligner takes them, so
    that few lie in memory."""
    wrong: dict[int, ImageError] = {}
    decoding: dict[int, float] = {}

    def images() -> Iterator[np.ndarray]:
        for i, job in enumerate(jobs):
            began = time.perf_counter()
            try:
                image = decode(job.data)
            except ImageError as error:
                wrong[i] = error
                continue
            decoding[i] = 1000 * (time.perf_counter() - began)
            yield image

    start = time.perf_counter()
    found = []
    for all_faces in aligner.batch(images()):
        faces = all_faces[: jobs[0].max_faces]
        listening = _listening(aligner.model, faces) if jobs[0].listening else None
        found.append(([replace(face, image=None) for face in faces], listening))
    spent = 1000 * (time.perf_counter() - start) - sum(decoding.values())
    answers = iter(found)
    return [
        wrong[i] if i in wrong else Answer(*next(answers), {"decode": round(decoding[i], 1), "find": round(spent, 1)})
        for i in range(len(jobs))
    ]  # fmt: skip


def _listening(model: Model, faces: list[Face]) -> list[list[tuple[int, int, float]]]:
    """The weights of each face's edges; none for a model without a graph."""
    edges = []
    for face in faces:
        assert face.image is not None
        matrix = geometry.crop_transform(face.box, model.crop_size, model.crop_margin)
        try:
            (weights,) = model.edge_weights(geometry.warp(face.image, matrix, model.crop_size)[None])
        except ModelError:
            weights = np.zeros((len(model.scheme),) * 2)
        edges.append([(int(i), int(j), round(float(weights[i, j]), 4)) for i, j in np.argwhere(weights > 1e-4)])
    return edges
