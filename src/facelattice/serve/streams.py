"""Streams of camera frames that clients send, with the state to track and smooth their faces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import HTTPException

from facelattice.serve.jobs import StreamState

MAX_STREAMS = 64  # for a new stream, the least recently used one is dropped
IDLE_SECONDS = 60.0  # a stream that is not used for longer is dropped


@dataclass
class _Stream:
    """A stream: time of its last frame, pickled tracker, time of its last use, and whether a frame is in progress."""

    time: float = float("-inf")
    tracker: bytes | None = None
    used: float = 0.0
    busy: bool = False


class Streams:
    """The streams by their names.

    The state of a stream is sent with each frame, so frames may go to different worker processes. The client chooses
    the name; other clients cannot use the stream without knowing it.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[str, ...], _Stream] = {}

    @contextmanager
    def frame(self, key: tuple[str, ...], seconds: float) -> Iterator[StreamUpdate]:
        """Start the next frame of a stream, which is locked until the end of the context.

        Args:
            key: Name of the stream, and the options that must stay the same.
            seconds: Time of the frame.

        Raises:
            HTTPException: 409 if another frame of the stream is in progress, 422 if the time is before the last.
        """
        self._drop_idle(0 if key in self._streams else 1)
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

    def _drop_idle(self, num_new: int) -> None:
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
        tracker: The pickled tracker after the frame, to be set by the caller; None leaves the stream unchanged.
    """

    state: StreamState
    tracker: bytes | None = None
