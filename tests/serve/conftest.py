from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
Server = tuple[subprocess.Popen[str], str]
StartServer = Callable[..., AbstractContextManager[Server]]


def wait_until_ready(server: subprocess.Popen[str], address: str) -> None:
    """Wait until a server accepts connections. It prints its address before its workers have started."""
    while server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{address}/healthz")
            return
        time.sleep(0.05)
    raise AssertionError(f"the server ended with status {server.returncode}: {server.stderr and server.stderr.read()}")


@pytest.fixture(scope="session")
def start_server(start_program) -> StartServer:
    """Start a server with one worker: `with start_server("--timeout", "5") as (process, address)`."""

    @contextlib.contextmanager
    def start(
        *arguments: str, wait: bool = True, env: dict[str, str] | None = None, ulimit: int = 0
    ) -> Iterator[Server]:
        command = [sys.executable, "-m", "facelattice", "serve", "--port", "0", "--workers", "1", *arguments]
        if ulimit:
            command = ["sh", "-c", f'ulimit -n {ulimit}; exec "$@"', "sh", *command]
        with start_program(*command, env=env) as (server, address):
            if wait:
                wait_until_ready(server, address)
            yield server, address

    return start


@pytest.fixture(scope="session")
def server(start_server) -> Iterator[Server]:
    """A server that tests share: its process and address. Use the model ibug68-fast."""
    with start_server() as running:
        yield running


@pytest.fixture(scope="session")
def address(server) -> str:
    return server[1]


@pytest.fixture(scope="session")
def client(address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def photo() -> bytes:
    """The content of a JPEG file with one face."""
    return PHOTO.read_bytes()


@pytest.fixture(scope="session")
def host_and_port() -> Callable[[str], tuple[str, int]]:
    """Split the address of a server."""

    def split(address: str) -> tuple[str, int]:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    return split


@pytest.fixture(scope="session")
def worker_processes() -> Callable[[subprocess.Popen[str]], list[psutil.Process]]:
    """List the worker processes of a server, also while they start."""

    def workers(server: subprocess.Popen[str]) -> list[psutil.Process]:
        children = psutil.Process(server.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    return workers
