from __future__ import annotations

import time

import pytest
from fastapi import HTTPException

from facelattice.serve.streams import IDLE_SECONDS, MAX_STREAMS, Streams


def add_frame(streams: Streams, name: str, seconds: float) -> bytes | None:
    """Send a frame, and return the tracker before it."""
    with streams.frame((name,), seconds) as update:
        update.tracker = f"{name} {seconds}".encode()
        return update.state.tracker


def test_state_goes_from_frame_to_frame():
    streams = Streams()
    assert add_frame(streams, "a", 0.0) is None
    assert add_frame(streams, "b", 5.0) is None
    assert add_frame(streams, "a", 1.0) == b"a 0.0"
    with pytest.raises(HTTPException, match="before the last"):
        add_frame(streams, "a", 0.5)
    with pytest.raises(RuntimeError), streams.frame(("a",), 2.0):
        raise RuntimeError  # the frame failed
    assert add_frame(streams, "a", 1.5) == b"a 1.0"


def test_one_frame_at_a_time():
    streams = Streams()
    with streams.frame(("a",), 0.0), pytest.raises(HTTPException) as raised:
        add_frame(streams, "a", 1.0)
    assert raised.value.status_code == 409


def test_idle_and_excess_streams_are_forgotten(monkeypatch):
    streams = Streams()
    for i in range(MAX_STREAMS + 1):
        add_frame(streams, f"{i}", 0.0)
    assert add_frame(streams, "1", 1.0) == b"1 0.0"
    assert add_frame(streams, "0", 1.0) is None  # the oldest was forgotten
    now = time.monotonic() + IDLE_SECONDS + 1
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert add_frame(streams, "1", 2.0) is None
