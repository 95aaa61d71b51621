"""The server as a process: its connections, signals, memory and files."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

import facelattice

ALIGN = "/v1/align?model=ibug68-fast"
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
needs_file_limit = pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on open files")

# A server without workers, whose connections have short time limits.
SMALL_SERVER = """
import asyncio, socket, sys
from facelattice.serve import server
from facelattice.serve.settings import Settings

async def app(scope, receive, send):
    if scope["type"] == "http":  # it reads the body of /body only
        while scope["path"] == "/body" and (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

server.MAX_CONNECTIONS, seconds = int(sys.argv[1]), float(sys.argv[2])
server.IDLE_TIMEOUT = server.RESPONSE_TIMEOUT = seconds
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
server.run_server(app, Settings(timeout=seconds), listener)
"""


@pytest.fixture(scope="module")
def small_server(request):
    """The port of a server without workers. Parameters: maximum number of connections, time limits in seconds."""
    parameters = getattr(request, "param", (512, 0.5))
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-c", SMALL_SERVER, *map(str, parameters)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield int(process.stdout.readline())
        process.terminate()
        assert process.stderr.read() == b""  # no log line for a client


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes a connection; it sends nothing before."""
    connection.settimeout(20)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def exchange(port: int, request: bytes) -> bytes:
    """Send a request and return the beginning of the response."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20)
        connection.sendall(request)
        return connection.recv(1000)


def get(path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", get()[:-2], get() + b"GET"])
def test_connection_without_a_complete_request_is_closed(small_server, sent):
    with socket.create_connection(("127.0.0.1", small_server)) as connection:
        connection.sendall(sent)
        if sent.startswith(get()):
            while not connection.recv(1000).endswith(b"ok"):
                pass
        assert is_closed(connection)


def test_head_that_arrives_byte_by_byte_is_cut_off(small_server):
    with socket.create_connection(("127.0.0.1", small_server)) as connection, suppress(OSError):
        connection.sendall(get()[:-2] + b"X-Header: ")
        for _ in range(300):
            connection.sendall(b"a")
            time.sleep(0.01)
        pytest.fail("the server waited for the head of the request")


def test_request_in_progress_has_a_time_limit(small_server):
    with socket.create_connection(("127.0.0.1", small_server)) as connection:
        connection.sendall(post("/body", 100))
        assert is_closed(connection)


def test_response_can_be_read_after_a_body_that_is_not_needed(small_server):
    with socket.create_connection(("127.0.0.1", small_server)) as connection:
        connection.sendall(post("/", 2000))
        for _ in range(10):  # longer than the time limit for the head of the next request
            time.sleep(0.07)
            connection.sendall(bytes(200))
        time.sleep(0.1)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("small_server", [(4, 60)], indirect=True)
def test_new_connection_replaces_the_one_that_waited_longest(small_server):
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", small_server))) for _ in range(4)]
        connections[0].sendall(post("/body", 10) + b"a")  # a request in progress is closed only after the idle ones
        time.sleep(0.1)
        assert exchange(small_server, get()).startswith(b"HTTP/1.1 200")
        assert is_closed(connections[1])
        connections[0].sendall(b"a" * 9)
        assert connections[0].recv(1000).startswith(b"HTTP/1.1 200")


def test_invalid_request_is_not_logged(small_server):
    assert exchange(small_server, b"\x00\x01nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    upgrade = get()[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert exchange(small_server, upgrade).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
@needs_file_limit
def test_health_with_more_connections_than_file_descriptors(start_server, host_and_port):
    with start_server(ulimit=256) as (server, address), ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(socket.create_connection(host_and_port(address)))
        before = sum(psutil.Process(server.pid).cpu_times()[:2])
        start = time.monotonic()
        for _ in range(10):
            assert httpx.get(f"{address}/healthz", timeout=10).status_code == 200
            time.sleep(0.1)
        cpu = sum(psutil.Process(server.pid).cpu_times()[:2]) - before
        assert cpu < 0.5 * (time.monotonic() - start) + 1
        assert len(psutil.Process(server.pid).net_connections()) < 200
        server.terminate()
        server.wait(30)
        assert server.stderr.read() == "stopped\n"


def test_slow_clients_do_not_take_places_in_the_queue(client, address, host_and_port, photo):
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(host_and_port(address))) for _ in range(100)]
        for connection in slow:
            connection.sendall(post("/v1/align", len(photo)) + b"\xff")
        for _ in range(4):
            assert client.post(ALIGN, content=photo).status_code == 200
            for connection in slow:
                connection.sendall(b"\xff")


def test_clients_that_disconnect_do_not_stop_others(client, address, host_and_port, photo):
    for _ in range(40):
        with socket.create_connection(host_and_port(address)) as connection:
            connection.sendall(post("/v1/align", len(photo)) + photo)
    assert len(client.post(ALIGN, content=photo).json()["faces"]) == 1
    assert 'path="/v1/align",status="499"' in client.get("/metrics").text


def test_memory_of_rejected_bodies_is_returned(client, server):
    process = psutil.Process(server[0].pid)
    no_image = bytes(19_900_000)
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + no_image
    form_type = {"Content-Type": "multipart/form-data; boundary=x"}

    too_large = [no_image[:100_000]] * 205

    def reject(kind: int) -> int:
        if kind == 0:
            return client.post(ALIGN, content=no_image).status_code
        if kind == 1:
            return client.post(ALIGN, content=form, headers=form_type).status_code
        return client.post(ALIGN, content=iter(too_large)).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(reject, [0, 1, 2, 2])) == {422, 400, 413}
        before = sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
        assert set(pool.map(reject, [0, 1, 2] * 8)) == {422, 400, 413}
    after = sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
    assert after - before < 100_000_000  # of 480 MB that were sent


def test_nothing_is_logged_or_written_for_images(start_server, photo, tmp_path):
    """No file is written, not even in HOME, and no image or form leaves a line in the log."""
    odd = io.BytesIO()
    image = Image.open(io.BytesIO(photo)).resize((64, 64)).quantize(16)
    image.save(odd, "PNG", transparency=bytes(16))  # Pillow warns of it
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": ""}
    with start_server(env=home) as (server, address), httpx.Client(base_url=address, timeout=60) as client:
        for name in ("ibug68-fast", "ibug68"):
            assert client.post(f"/v1/align?model={name}&edge_weights=true", content=photo).status_code == 200
        assert client.post(ALIGN, files={"file": photo}).status_code == 200
        assert client.post(ALIGN, content=odd.getvalue()).status_code == 200
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        assert client.post(ALIGN, content=b"--\xff secret", headers=form).status_code == 400
        server.terminate()
        assert server.wait(30) == 128 + signal.SIGTERM
        assert server.stderr.read() == "stopped\n"
    assert list(tmp_path.rglob("*")) == []


@needs_signals
def test_sighup_completes_the_requests_in_progress(start_server, photo, worker_processes):
    with start_server() as (server, address), ThreadPoolExecutor() as pool:
        (worker,) = worker_processes(server)
        worker.suspend()
        response = pool.submit(httpx.post, address + ALIGN, content=photo, timeout=60)
        while worker.is_running() and "facelattice_waiting 0.0" not in httpx.get(f"{address}/metrics").text:
            time.sleep(0.05)
        time.sleep(0.3)  # the request has arrived
        os.killpg(server.pid, signal.SIGHUP)
        time.sleep(0.3)
        worker.resume()
        assert len(response.result().json()["faces"]) == 1
        assert server.wait(30) == 128 + signal.SIGHUP
        assert server.stderr.read() == "stopped\n"


@needs_signals
def test_sigterm_ends_a_server_whose_worker_is_stopped(start_server, photo, worker_processes):
    with start_server("--timeout", "4") as (server, address), ThreadPoolExecutor() as pool:
        (worker,) = worker_processes(server)
        worker.suspend()
        response = pool.submit(httpx.post, address + ALIGN, content=photo * 3, timeout=60)
        time.sleep(0.3)
        server.terminate()
        assert response.result().status_code in (200, 503, 504)
        assert server.wait(25) == 128 + signal.SIGTERM
        assert not worker.is_running()
