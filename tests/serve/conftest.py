from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import facelattice


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """A server in a process group of its own, as a terminal's is, and where it will be."""
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-m", "facelattice", "serve", "--port", "0", "--workers", "1", *arguments]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield server, server.stderr.readline().split("/    ")[0]
        server.terminate()
        server.wait(20)
    finally:
        server.kill()  # where it has not ended


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[str]:
    """A server of its own process, and where it is."""
    with started(*arguments) as (_, address):
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/healthz")
                break
            time.sleep(0.1)
        yield address


@pytest.fixture
def start():
    """Starts a server and does not wait for it: with start("--workers", "2") as (process, address)."""
    return started


@pytest.fixture
def serve():
    """Starts a server with other arguments: with serve("--token", "secret") as address."""
    return served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def guarded() -> Iterator[str]:
    """Where a server is that wants the token "secret"."""
    with served("--token", "secret") as address:
        yield address
