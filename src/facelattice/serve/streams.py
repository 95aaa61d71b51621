"""The streams of camera frames that clients send: the state of each, so that its faces are followed and smoothed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import HTTPException

from facelattice.serve.jobs import StreamState

MAX_STREAMS = 64  # the one that was not used for the longest time is forgotten for a new one
IDLE_SECONDS = 60.0  # after which a stream is forgotten


@dataclass
class _Stream:
    """A stream: time of its last frame, its pickled tracker, when it was used, and whether a frame is in progress."""

    time: float = float("-inf")
    tracker: bytes | None = None
    used: float = 0.0
    busy: bool = False


class Streams:
    """The streams by their names.

    Each frame may go to another worker process, as the state of the stream goes with it. A name is chosen by the
    client; one who does not know it cannot read or change the stream.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[str, ...], _Stream] = {}

    @contextmanager
    def frame(self, key: tuple[str, ...], seconds: float) -> Iterator[StreamUpdate]:
        """Take the next frame of a stream, which is locked until the end of the context.

        Args:
            key: Name of the stream, and the options that must stay the same.
            seconds: Time of the frame.

        Raises:
            HTTPException: 409 if another frame of the stream is in progress, 422 if the time is before the last.
        """
        self._forget_idle(0 if key in self._streams else 1)
        stream = self._streams.setdefault(key, _Stream())
        if stream.busy:
            raise HTTPException(409, "another frame of this stream is in progress; wait for its response")
        if seconds < stream.time:
            raise HTTPException(422, f"frames must come in order, but the time {seconds:g} s is before the last")
        stream.busy, stream.used = True, time.monotonic()
        update = StreamUpdate(StreamState(seconds, stream.tracker))
        try:
            yield update
        finally:
            stream.busy = False
            if update.tracker is not None:
                stream.time, stream.tracker = seconds, update.tracker

    def _forget_idle(self, num_new: int) -> None:
        now = time.monotonic()
        idle = sorted((stream.used, key) for key, stream in self._streams.items() if not stream.busy)
        excess = len(self._streams) + num_new - MAX_STREAMS
        for i, (used, key) in enumerate(idle):
            if i < excess or now - used > IDLE_SECONDS:
                del self._streams[key]


@dataclass
class StreamUpdate:
    """A frame in progress.

    Attributes:
        state: The state before the frame.
        tracker: The pickled tracker after the frame, to be set. None: the stream stays as it was.
    """

    state: StreamState
    tracker: bytes | None = None
