"""The HTTP server: uvicorn with limits on connections and on the time that they may wait for their client."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import math
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from facelattice.serve.settings import Settings

MAX_CONNECTIONS = 512
BACKLOG = 128  # connections that wait to be accepted; asyncio accepts up to this number at a time
IDLE_TIMEOUT = 10.0  # seconds until the head of the next request is complete
RESPONSE_TIMEOUT = 30.0  # seconds for a client to receive a response, after the time limit of the request
RESERVED_FILES = 32  # file descriptors that are kept free for the workers' pipes and the page's files
M_MMAP_THRESHOLD = -3  # of malloc.h
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def run_server(app: ASGIApp, settings: Settings, listener: socket.socket) -> None:
    """Serve an application until a signal stops the process: SIGINT, SIGTERM or SIGHUP.

    The requests in progress are completed first. The signal is raised again at the end.

    Args:
        app: The application.
        settings: The settings that it was created with.
        listener: A listening socket. It is closed at the end.
    """
    _return_freed_memory()
    config = _Config(app, settings)
    with _Listener(listener) as limited:
        _Server(config).run(sockets=[limited])


class _Config(uvicorn.Config):
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(
            app,
            loop="asyncio",  # uvloop would not use `_Listener.accept`
            http=_Protocol,
            ws="none",
            log_level="error",  # warnings are about single requests, and clients could fill the log with them
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=math.ceil(IDLE_TIMEOUT),
            timeout_graceful_shutdown=math.ceil(settings.stop_timeout),
        )
        self.max_connections = min(MAX_CONNECTIONS, _max_open_files() // 2)
        self.request_timeout = settings.timeout + RESPONSE_TIMEOUT
        self.video_timeout = settings.video_body_timeout + settings.video_timeout + RESPONSE_TIMEOUT


class _Server(uvicorn.Server):
    """A server that also stops on SIGHUP, unless the process ignores that signal (`nohup`)."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
                yield
                return
            previous = signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, previous)


class _Listener(socket.socket):
    """A listening socket that keeps the last file descriptors free. It takes over the descriptor of another socket.

    asyncio accepts in a loop. Without free file descriptors it would log an error for each attempt.
    """

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(fileno=listener.detach())
        self._max_fileno = _max_open_files() - RESERVED_FILES
        self._quiet_until = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            connection, address = super().accept()
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                if time.monotonic() < self._quiet_until:
                    raise BlockingIOError from None  # asyncio pauses for a second after the first of these errors
                self._quiet_until = time.monotonic() + 0.9
            raise
        if connection.fileno() >= self._max_fileno:  # a new descriptor is always the lowest free number
            connection.close()
            raise ConnectionAbortedError
        return connection, address


class _Protocol(H11Protocol):
    """A connection with a time limit for each of its states.

    If there are too many connections, the one that has waited for its client the longest is aborted.
    """

    config: _Config
    connections: set[_Protocol]  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.is_aborted = False
        self._set_timer(IDLE_TIMEOUT)
        connections = [other for other in self.connections if not other.is_aborted]
        if len(connections) > self.config.max_connections:
            waiting = [other for other in connections if other is not self and other.waits_for_client]
            min(waiting, key=lambda other: (other.request is not None, other.since), default=self).abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        state = self._state()
        super().data_received(data)
        self._restart_timer(state)

    def on_response_complete(self) -> None:
        state = (self.cycle, False)
        super().on_response_complete()
        self._restart_timer(state)

    @property
    def request(self) -> RequestResponseCycle | None:
        """The request in progress, from the end of its head to the end of its response."""
        return None if self.cycle is None or self.cycle.response_complete else self.cycle

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has to send a part of a request, or to receive a part of a response."""
        request = self.request
        return request is None or request.more_body or self.flow.write_paused

    def abort(self) -> None:
        """Close the connection at once."""
        self.is_aborted = True
        self.transport.abort()

    def _state(self) -> tuple[RequestResponseCycle | None, bool]:
        """Return the request in progress, and whether the rest of a rejected body is being received and dropped."""
        return self.request, self.request is None and self.conn.their_state is h11.SEND_BODY

    def _restart_timer(self, previous: tuple[RequestResponseCycle | None, bool]) -> None:
        """Restart the timer if the state has changed."""
        request, drops_body = state = self._state()
        if state != previous:
            self._timer.cancel()
            # Most clients read a response only after they have sent the body.
            if request is None and not drops_body:
                self._set_timer(IDLE_TIMEOUT)
            else:
                is_video = request is not None and request.scope["path"] == "/v1/video"
                self._set_timer(self.config.video_timeout if is_video else self.config.request_timeout)

    def _set_timer(self, seconds: float) -> None:
        self.since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self.transport.close()  # after sending the rest of a response
        self._timer = self.loop.call_later(RESPONSE_TIMEOUT, self.abort)


def _max_open_files() -> int:
    """Return the maximum number of file descriptors of this process."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are no file descriptors
        return 2**31
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2**31 if limit == resource.RLIM_INFINITY else limit


def _return_freed_memory() -> None:
    """Make glibc return freed blocks of at least 1 MB to the system at once.

    By default it raises this threshold to the size of the blocks in use, up to 32 MB, and keeps the memory of bodies.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
