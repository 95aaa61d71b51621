"""The server's handle of one worker process and of the pipe to it."""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from facelattice.serve.jobs import (
    ExportJob,
    Job,
    Outcome,
    VideoEnd,
    VideoJob,
    WorkerCrashedError,
    WorkerFailedError,
    WorkerTimeoutError,
)
from facelattice.serve.worker import run_worker

# Exit codes after a fault of the code itself, such as an access to invalid memory. Operators and the system use other
# signals to end processes, such as SIGKILL. On Windows the code of a fault is, for example, 0xC0000005.
_FAULT_SIGNALS = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL")
_FAULT_CODES = {-getattr(signal, name) for name in _FAULT_SIGNALS if hasattr(signal, name)}
_MIN_WINDOWS_FAULT = 0xC0000000


class WorkerProcess:
    """A worker process that can be started again after it died.

    `start` and `run` block, and are called in a thread. Meanwhile `interrupt`, `close` and `is_alive` may be called in
    another thread. Blocking calls have no time limit: `interrupt` ends them, also if the process is stopped.
    """

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._interrupted = False

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        process = self._process
        return process is not None and process.is_alive()

    def start(self) -> None:
        """Start the process and wait until it is ready. A running process is ended first.

        Raises:
            WorkerFailedError: If the process did not start, or was interrupted.
        """
        self._kill()
        self.join()
        spawn = multiprocessing.get_context("spawn")
        try:
            with self._lock:
                if self._closed:
                    raise WorkerFailedError("the server stops")
                self._interrupted = False  # of the new process
                self._pipe, other_end = spawn.Pipe()
                with other_end:
                    self._process = spawn.Process(target=run_worker, args=(other_end,), daemon=True)
                    self._process.start()
            # multiprocessing ends its processes at exit with SIGTERM, which the worker ignores, and waits for them.
            atexit.register(self._kill)
            self._pipe.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise WorkerFailedError(f"a worker process did not start ({str(error) or type(error).__name__})") from None

    def run(self, jobs: Sequence[Job | ExportJob]) -> list[Outcome]:
        """Run a batch of jobs.

        Raises:
            WorkerTimeoutError: If the process was interrupted.
            WorkerCrashedError: If the process died.
        """
        assert self._pipe is not None
        try:
            self._pipe.send(jobs)
            outcomes: list[Outcome] = self._pipe.recv()
            return outcomes
        except (EOFError, OSError):
            raise self._death_error("the image took too long") from None

    def send_video(self, job: VideoJob) -> None:
        """Send a video. `receive_lines` gives the results.

        Raises:
            WorkerTimeoutError: If the process was interrupted.
            WorkerCrashedError: If the process died.
        """
        assert self._pipe is not None
        try:
            self._pipe.send(job)
        except OSError:
            raise self._death_error("the video took too long") from None

    def receive_lines(self) -> bytes | VideoEnd:
        """Return the next lines of the results of a video.

        Raises:
            WorkerTimeoutError: If the process was interrupted.
            WorkerCrashedError: If the process died.
        """
        assert self._pipe is not None
        try:
            lines: bytes | VideoEnd = self._pipe.recv()
            return lines
        except (EOFError, OSError):
            raise self._death_error("the video took too long") from None

    def _death_error(self, timeout_message: str) -> WorkerTimeoutError | WorkerCrashedError:
        """Return the error for a process that has closed its pipe."""
        assert self._process is not None
        self._process.join(5)  # until its exit code is known
        code = self._process.exitcode or 0
        self._kill()
        if self._interrupted:
            return WorkerTimeoutError(timeout_message)
        return WorkerCrashedError(is_fault=code in _FAULT_CODES or code >= _MIN_WINDOWS_FAULT)

    def interrupt(self) -> None:
        """Kill the process because its time limit is exceeded."""
        self._interrupted = True
        self._kill()

    def close(self) -> None:
        """Kill the process. It is not started again."""
        with self._lock:
            self._closed = True
        self._kill()

    def join(self) -> None:
        """Wait for the end of the killed process and release the pipe. No other call may be in progress."""
        atexit.unregister(self._kill)
        if self._process is not None and self._process.pid is not None:
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.pid is not None:
            process.kill()  # SIGKILL also ends a process that is stopped by SIGSTOP
