"""Worker processes for uploaded videos; a new process is started for each video."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

from facelattice.inference.parallel import block_signals
from facelattice.serve.jobs import QueueFullError, VideoEnd, VideoJob
from facelattice.serve.video import detect_format
from facelattice.serve.worker_process import WorkerProcess
from facelattice.stop_signals import STOP_SIGNALS


class VideoWorkers:
    """Tracks faces of videos in separate processes, so that images never wait for a video.

    Args:
        max_videos: Maximum number of videos at the same time.
        timeout: Maximum time of a video, in seconds.
    """

    def __init__(self, max_videos: int, timeout: float) -> None:
        self.max_videos = max_videos
        self.timeout = timeout
        self._workers: set[WorkerProcess] = set()
        self._threads = ThreadPoolExecutor(max_videos, initializer=block_signals, initargs=(STOP_SIGNALS,))

    @property
    def is_full(self) -> bool:
        """Whether no more videos are accepted."""
        return len(self._workers) >= self.max_videos

    async def follow(self, job: VideoJob) -> AsyncGenerator[bytes, None]:
        """Yield lines of JSON, see `facelattice.serve.video.follow_video`. Closing the generator ends the process.

        Raises:
            QueueFullError: If too many videos are in progress.
            VideoError: If the video cannot be read.
            WorkerError: If the process took too long, died, or did not start.
        """
        if self.is_full:
            raise QueueFullError(f"{len(self._workers)} videos are in progress already")
        detect_format(job.data)  # before a process is started
        worker = WorkerProcess()
        self._workers.add(worker)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.timeout, worker.interrupt)
        try:
            await loop.run_in_executor(self._threads, worker.start)
            await loop.run_in_executor(self._threads, worker.send_video, job)
            del job  # the process has the video
            while not isinstance(lines := await loop.run_in_executor(self._threads, worker.receive_lines), VideoEnd):
                yield lines
            if lines.error is not None:
                raise lines.error
        finally:
            timer.cancel()
            worker.close()
            self._workers.discard(worker)
            loop.run_in_executor(self._threads, worker.join)  # takes no time, as the process is killed

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown()
