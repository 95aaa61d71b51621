"""A pool of worker processes: images that arrive together run together in one batch.

    pool = WorkerPool(num_workers=2, queue_size=64)
    await pool.start()
    outcome = await pool.submit(Job(data, "ibug68", min_score=0.25))
    await pool.stop()

Workers are processes, because an image that crashes its decoder must not affect other requests. A worker that becomes
free takes the images that wait, up to a batch, and runs their faces together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from facelattice.exceptions import ImageError
from facelattice.inference.parallel import block_signals
from facelattice.messages import get_logger
from facelattice.serve.jobs import (
    ExportJob,
    Job,
    Outcome,
    QueueFullError,
    WorkerCrashedError,
    WorkerFailedError,
    WorkerTimeoutError,
)
from facelattice.serve.worker_process import WorkerProcess
from facelattice.stop_signals import STOP_SIGNALS

BATCH_SIZE = 8  # maximum number of images in a batch
BATCH_BYTES = 40_000_000  # maximum size of their files; one larger image is a batch by itself
# Fractions of a request's time limit for the first and the second attempt of an image. The rest of the time is for the
# other requests of the batch.
FIRST_ATTEMPT, SECOND_ATTEMPT = 0.25, 0.5
START_TIMEOUT = 60.0  # seconds for a worker process to get ready
CHECK_INTERVAL = 1.0  # seconds between checks for a worker that died while idle, and after a failed start

_logger = get_logger()


@dataclass
class _Request:
    """A job, the future of its outcome, and whether it has failed once and now runs alone."""

    job: Job | ExportJob
    future: asyncio.Future[Outcome]
    retried: bool = False


class WorkerPool:
    """Worker processes and the queue of jobs for them.

    Args:
        num_workers: Number of processes.
        queue_size: Maximum number of jobs that wait.
        timeout: Time limit of a request, in seconds. The limit of a batch is a fraction of it.
    """

    def __init__(self, num_workers: int = 1, queue_size: int = 64, timeout: float = 30.0) -> None:
        self.num_workers = num_workers
        self.queue_size = queue_size
        self.timeout = timeout
        self._queue: deque[_Request] = deque()
        self._unfinished: set[asyncio.Future[Outcome]] = set()
        self._workers = [WorkerProcess() for _ in range(num_workers)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the processes and wait until they are ready.

        Raises:
            WorkerFailedError: If a process does not start.
        """
        self._submitted = asyncio.Event()
        self._threads = ThreadPoolExecutor(self.num_workers, initializer=block_signals, initargs=(STOP_SIGNALS,))
        try:
            await asyncio.gather(*(self._start(worker) for worker in self._workers))
        except BaseException:
            await self.stop(grace=0)
            raise
        self._tasks = [asyncio.create_task(self._serve(worker)) for worker in self._workers]

    def submit(self, job: Job | ExportJob) -> asyncio.Future[Outcome]:
        """Put a job into the queue and return the future of its outcome. The future never has an exception.

        Canceling the future removes the job from the queue.

        Raises:
            QueueFullError: If too many jobs wait already.
        """
        if self.is_full:
            raise QueueFullError(f"{self.num_waiting} requests wait already")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._unfinished.add(future)
        future.add_done_callback(self._forget)
        self._queue.append(_Request(job, future))
        self._submitted.set()
        return future

    @property
    def num_waiting(self) -> int:
        """Number of jobs that wait for a worker."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether no more jobs are accepted."""
        return self.num_waiting >= self.queue_size

    @property
    def is_alive(self) -> bool:
        """Whether at least one process is running."""
        return any(worker.is_alive for worker in self._workers)

    async def stop(self, grace: float) -> None:
        """Complete the jobs in progress and in the queue, then end the processes.

        Args:
            grace: Maximum time for that, in seconds. Jobs that are not complete then are canceled.
        """
        if self._unfinished and grace > 0:
            await asyncio.wait(self._unfinished, timeout=grace)
        for future in list(self._unfinished):
            future.cancel()
        for task in self._tasks:
            task.cancel()
        for worker in self._workers:
            worker.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown()  # the threads end, as their processes are killed
        for worker in self._workers:
            worker.join()

    async def _start(self, worker: WorkerProcess) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(START_TIMEOUT, worker.interrupt)
        try:
            await loop.run_in_executor(self._threads, worker.start)
        finally:
            timer.cancel()

    async def _serve(self, worker: WorkerProcess) -> None:
        """Run batches on one process until canceled, and start the process again when it has died."""
        while True:
            if not worker.is_alive:
                await self._restart(worker)
            elif not await self._run_batch(worker):
                self._submitted.clear()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._submitted.wait(), CHECK_INTERVAL)

    async def _restart(self, worker: WorkerProcess) -> None:
        try:
            await self._start(worker)
        except WorkerFailedError as error:
            _logger.error("%s", error)
            if not self.is_alive:  # else the other workers run the jobs
                while self._queue:
                    self._finish(self._queue.popleft(), WorkerCrashedError())
            await asyncio.sleep(CHECK_INTERVAL)

    async def _run_batch(self, worker: WorkerProcess) -> bool:
        """Run the next batch, and return False if no job waits. Keep no reference to its images."""
        batch = self._take_batch()
        if not batch:
            return False
        loop = asyncio.get_running_loop()
        seconds = self.timeout * (SECOND_ATTEMPT if batch[0].retried else FIRST_ATTEMPT)
        timer = loop.call_later(seconds, worker.interrupt)
        try:
            outcomes = await loop.run_in_executor(self._threads, worker.run, [request.job for request in batch])
        except (WorkerCrashedError, WorkerTimeoutError) as error:
            self._retry(batch, error)
        except Exception as error:
            _logger.error("a worker process failed", exc_info=error)
            worker.interrupt()  # the pipe may contain a part of a message
            for request in batch:
                self._finish(request, WorkerFailedError("the server failed"))
        else:
            for request, outcome in zip(batch, outcomes, strict=True):
                self._finish(request, outcome)
        finally:
            timer.cancel()
        return True

    def _take_batch(self) -> list[_Request]:
        """Take the next jobs from the queue that can run together."""
        batch: list[_Request] = []
        num_bytes = 0
        while self._queue and len(batch) < BATCH_SIZE:
            request = self._queue[0]
            num_bytes += len(request.job.data)
            if batch and (
                request.retried
                or batch[0].retried
                or num_bytes > BATCH_BYTES
                or not request.job.can_share_batch(batch[0].job)
            ):
                break
            self._queue.popleft()
            if not request.future.done():
                batch.append(request)
        return batch

    def _retry(self, batch: list[_Request], error: WorkerCrashedError | WorkerTimeoutError) -> None:
        """Put the jobs of a failed batch back at the head of the queue to run alone; those that did so fail."""
        if isinstance(error, WorkerCrashedError):
            _logger.warning("a worker process died%s; it is started again", " of a fault" * error.is_fault)
        for request in reversed(batch):
            if request.future.done():
                continue
            if not request.retried:
                self._queue.appendleft(_Request(request.job, request.future, retried=True))
            elif isinstance(error, WorkerCrashedError) and error.is_fault:
                self._finish(request, ImageError("the image cannot be processed: it crashes the decoder"))
            else:
                self._finish(request, error.with_traceback(None))

    def _finish(self, request: _Request, outcome: Outcome) -> None:
        if not request.future.done():
            request.future.set_result(outcome)

    def _forget(self, future: asyncio.Future[Outcome]) -> None:
        self._unfinished.discard(future)
        if future.cancelled():
            self._queue = deque(request for request in self._queue if request.future is not future)
