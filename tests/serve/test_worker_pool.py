"""The worker pool, with real processes that are stopped and killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from facelattice.exceptions import ImageError
from facelattice.serve.jobs import (
    AlignResult,
    Job,
    Outcome,
    QueueFullError,
    WorkerCrashedError,
    WorkerFailedError,
    WorkerTimeoutError,
)
from facelattice.serve.worker_pool import WorkerPool

TIMEOUT = 60.0  # a stopped worker is killed after a quarter of it, or as the test says
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop processes by a signal")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def shared_pool(loop) -> Iterator[WorkerPool]:
    pool = WorkerPool(queue_size=8, timeout=TIMEOUT)
    loop.run_until_complete(pool.start())
    yield pool
    loop.run_until_complete(pool.stop(grace=0))


@pytest.fixture
def pool(shared_pool) -> Iterator[WorkerPool]:
    """A pool with one running worker."""
    yield shared_pool
    shared_pool.timeout = TIMEOUT


@pytest.fixture
def run(loop) -> Run:
    return lambda coroutine: loop.run_until_complete(asyncio.wait_for(coroutine, 60))


@pytest.fixture
def job(photo) -> Job:
    return Job(photo, "ibug68-fast", min_score=0.25)


def send_signal(number: int, but: Collection[BaseProcess] = ()) -> None:
    """Send a signal to all worker processes but some."""
    for process in set(multiprocessing.active_children()) - set(but):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def num_faces(outcomes: list[Outcome]) -> list[int]:
    return [len(outcome.faces) for outcome in outcomes if isinstance(outcome, AlignResult)]


async def submit(pool: WorkerPool, *jobs: Job) -> list[Outcome]:
    return await asyncio.gather(*(pool.submit(job) for job in jobs))


async def become_alive(pool: WorkerPool) -> None:
    while not pool.is_alive:
        await asyncio.sleep(0.05)


def test_outcomes_are_in_the_order_of_jobs(pool, run, job):
    bad = Job(b"no image", "ibug68-fast", min_score=0.25)
    first, second, third = run(submit(pool, job, bad, job))
    assert num_faces([first, third]) == [1, 1]
    assert isinstance(second, ImageError)


def test_full_queue_rejects_jobs_until_one_is_canceled(pool, run, job):
    async def scenario() -> None:
        futures = [pool.submit(job) for _ in range(8)]
        with pytest.raises(QueueFullError, match="8 requests wait already"):
            pool.submit(job)
        futures[1].cancel()
        await asyncio.sleep(0)
        futures[1] = pool.submit(job)
        assert num_faces(await asyncio.gather(*futures)) == [1] * 8
        assert pool.num_waiting == 0

    run(scenario())


def test_failure_of_the_server_is_not_an_error_of_the_image(pool, run, job):
    (outcome,) = run(submit(pool, Job(job.data, "missing", 0.25)))
    assert isinstance(outcome, WorkerFailedError)
    assert num_faces(run(submit(pool, job))) == [1]


@needs_signals
def test_batch_of_a_killed_worker_is_retried(pool, run, job):
    async def scenario() -> None:
        send_signal(signal.SIGSTOP)  # so that all three are in one batch
        futures = [pool.submit(job) for _ in range(3)]
        while pool.num_waiting:
            await asyncio.sleep(0.01)
        send_signal(signal.SIGKILL)
        assert num_faces(await asyncio.gather(*futures)) == [1, 1, 1]

    run(scenario())


@needs_signals
@pytest.mark.parametrize(("number", "error"), [("SIGKILL", WorkerCrashedError), ("SIGSEGV", ImageError)])
def test_only_a_fault_is_blamed_on_the_image(pool, run, job, number, error):
    async def scenario() -> None:
        send_signal(signal.SIGSTOP)
        future = pool.submit(job)
        while pool.num_waiting:
            await asyncio.sleep(0.01)
        number_ = getattr(signal, number)
        send_signal(number_)
        send_signal(signal.SIGCONT)
        while not pool.num_waiting:  # it waits for its second attempt
            await asyncio.sleep(0.01)
        while pool.num_waiting:  # until the worker has started again
            await asyncio.sleep(0)
        send_signal(number_)
        assert isinstance(await future, error)
        assert num_faces(await submit(pool, job)) == [1]

    run(scenario())


@pytest.mark.slow
@needs_signals
def test_stopped_worker_is_replaced(pool, run, job):
    async def scenario() -> None:
        pool.timeout = 16.0
        send_signal(signal.SIGSTOP)
        large = Job(b"no image" + bytes(1_000_000), "ibug68-fast", 0.25)  # larger than the buffer of the pipe
        first, second = await submit(pool, large, job)
        assert isinstance(first, ImageError)
        assert num_faces([second]) == [1]

    run(scenario())


def test_image_that_takes_too_long(pool, run, job):
    pool.timeout = 0.0
    (outcome,) = run(submit(pool, job))
    assert isinstance(outcome, WorkerTimeoutError)
    pool.timeout = TIMEOUT
    assert num_faces(run(submit(pool, job))) == [1]


@needs_signals
def test_worker_that_dies_while_idle_is_replaced(pool, run):
    send_signal(signal.SIGKILL)
    while pool.is_alive:
        pass
    run(become_alive(pool))


@needs_signals
def test_worker_that_cannot_start_is_tried_again(pool, run, job):
    try:
        multiprocessing.set_executable("/bin/false")
        send_signal(signal.SIGKILL)
        (outcome,) = run(submit(pool, job))
        if isinstance(outcome, AlignResult):  # it was faster than the signal
            (outcome,) = run(submit(pool, job))
        assert isinstance(outcome, WorkerCrashedError)
        assert not pool.is_alive
    finally:
        multiprocessing.set_executable(sys.executable)
    run(become_alive(pool))
    assert num_faces(run(submit(pool, job))) == [1]


def test_other_worker_runs_the_jobs_of_one_that_cannot_start(run, job):
    async def scenario() -> None:
        others = multiprocessing.active_children()
        pool = WorkerPool(num_workers=2)
        await pool.start()
        try:
            multiprocessing.set_executable("/bin/false")
            next(iter(set(multiprocessing.active_children()) - set(others))).kill()
            outcomes = await submit(pool, *[job] * 10)
            assert num_faces(outcomes) == [1] * 10
        finally:
            multiprocessing.set_executable(sys.executable)
            await pool.stop(grace=0)

    run(scenario())


def test_stop_completes_the_jobs_in_the_queue(run, job):
    async def scenario() -> None:
        pool = WorkerPool()
        await pool.start()
        futures = [pool.submit(job) for _ in range(10)]
        await pool.stop(grace=60)
        assert num_faces(await asyncio.gather(*futures)) == [1] * 10

    run(scenario())


@needs_signals
def test_stop_is_bounded_if_a_worker_is_stopped(run, job):
    async def scenario() -> None:
        others = multiprocessing.active_children()
        pool = WorkerPool()
        await pool.start()
        send_signal(signal.SIGSTOP, but=others)
        future = pool.submit(Job(bytes(1_000_000), "ibug68-fast", 0.25))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(pool.stop(grace=0.2), 10)
        assert future.cancelled()
        assert not pool.is_alive

    run(scenario())
