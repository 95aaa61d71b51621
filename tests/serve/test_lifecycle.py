"""Start and stop of the server in unusual orders."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from contextlib import suppress

import httpx
import psutil
import pytest

from facelattice.serve.jobs import Job
from facelattice.serve.worker import READY, run_worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals to groups of processes"),
]


def wait_for_worker(server, worker_processes) -> psutil.Process:
    """Wait for the first worker process, which is then importing its modules."""
    while server.poll() is None:
        with suppress(psutil.NoSuchProcess):
            if workers := worker_processes(server):
                return workers[0]
    raise AssertionError(server.stderr.read())


def test_second_ctrl_c_does_not_wait_for_requests(start_server, host_and_port):
    with start_server() as (server, address):
        stalled = socket.create_connection(host_and_port(address))
        stalled.sendall(b"POST /v1/align HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf")
        time.sleep(0.2)
        os.killpg(server.pid, signal.SIGINT)
        with suppress(httpx.TransportError):  # the server accepts no connection once it has the first signal
            while True:
                httpx.get(f"{address}/healthz")
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(4) == 130
        assert server.stderr.read() == "stopped\n"
        stalled.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_while_the_server_starts(start_server, worker_processes, number):
    with start_server(wait=False) as (server, _):
        wait_for_worker(server, worker_processes)
        os.killpg(server.pid, number)
        assert server.wait(20) == 128 + number
        assert server.stderr.read() == "stopped\n"


def test_server_ends_if_a_worker_does_not_start(start_server, worker_processes):
    with start_server("--workers", "2", wait=False) as (server, _):
        wait_for_worker(server, worker_processes).kill()
        assert server.wait(20) == 3
        assert "a worker process did not start" in server.stderr.read()


def test_workers_end_when_the_server_is_killed(start_server, worker_processes):
    with start_server() as (server, _):
        (worker,) = worker_processes(server)
        server.kill()
        worker.wait(20)
        assert server.stderr.read() == ""


def test_worker_ends_quietly_when_its_pipe_is_closed(photo, capfd):
    spawn = multiprocessing.get_context("spawn")
    pipe, other_end = spawn.Pipe()
    worker = spawn.Process(target=run_worker, args=(other_end,), daemon=True)
    worker.start()
    other_end.close()
    assert pipe.recv() == READY
    pipe.send([Job(photo, "ibug68-fast", 0.25)])
    pipe.close()
    worker.join(20)
    assert worker.exitcode == 0
    assert capfd.readouterr().err == ""


def test_stalled_body_does_not_keep_the_server_from_stopping(start_server, host_and_port):
    with start_server("--timeout", "1") as (server, address):
        stalled = socket.create_connection(host_and_port(address))
        stalled.sendall(b"POST /v1/align HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nhalf")
        time.sleep(0.2)
        server.terminate()
        assert stalled.recv(1000).startswith(b"HTTP/1.1 408")
        server.wait(20)
        stalled.close()
