"""No reference cycle keeps the body of a request in memory."""

from __future__ import annotations

import gc
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn

from facelattice.serve.app import create_service
from facelattice.serve.settings import Settings

BODY_BYTES = 2_000_000
PATH = "/v1/align?model=ibug68-fast"
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n'
# Made once: the client's own objects are traced too.
NO_IMAGE = bytes(BODY_BYTES - 1000)
JPEG = b"\xff\xd8\xff\xe0" + NO_IMAGE
TOO_LARGE = NO_IMAGE + NO_IMAGE[:2000]
FORM_OF_ZEROS = FILE + NO_IMAGE[:-1000] + b"\r\n--x--\r\n"
CUT_SHORT = FORM_OF_ZEROS[:-20]
WITH_PARAMETER = FIELD + FORM_OF_ZEROS
TWO_FILES = FILE + NO_IMAGE[:-2000] + b"\r\n" + FILE + b"\r\n--x--\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server in a thread of this process, so that its memory can be traced."""
    settings = Settings(num_workers=1, max_body_bytes=BODY_BYTES, timeout=20.0)
    server = uvicorn.Server(uvicorn.Config(create_service(settings), log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield port
        server.should_exit = True
        thread.join()


def post(port: int, status: int, content: bytes, parts: int = 0, headers: dict[str, str] | None = None) -> None:
    size = len(content) // parts if parts else 0
    chunks = (content[i * size : (i + 1) * size] for i in range(parts))  # without a Content-Length
    body = chunks if parts else content
    assert httpx.post(f"http://127.0.0.1:{port}{PATH}", content=body, headers=headers).status_code == status


def disconnect(port: int, content: bytes, length: int) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + content)


REQUESTS: dict[str, Callable[[int], None]] = {
    "not an image": lambda port: post(port, 422, NO_IMAGE),
    "damaged JPEG": lambda port: post(port, 422, JPEG),
    "too large": lambda port: post(port, 413, TOO_LARGE, parts=20),
    "form without an image": lambda port: post(port, 422, FORM_OF_ZEROS, headers=FORM),
    "form that is cut short": lambda port: post(port, 400, CUT_SHORT, headers=FORM),
    "form with a parameter": lambda port: post(port, 400, WITH_PARAMETER, headers=FORM),
    "form that is damaged": lambda port: post(port, 400, TWO_FILES, headers=FORM),
    "disconnected during the body": lambda port: disconnect(port, NO_IMAGE, BODY_BYTES),
    "disconnected after the body": lambda port: disconnect(port, JPEG, len(JPEG)),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_body_is_released_without_the_garbage_collector(port, kind):
    request = REQUESTS[kind]
    request(port)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        request(port)
        request(port)
        for _ in range(100):  # the server completes the request after the response
            grown = tracemalloc.get_traced_memory()[0] - before
            if grown < BODY_BYTES / 2:
                break
            time.sleep(0.05)
        assert grown < BODY_BYTES / 2
    finally:
        tracemalloc.stop()
        gc.enable()
