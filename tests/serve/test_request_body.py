"""Limits of size, memory and time for request bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from fastapi import HTTPException
from starlette.requests import ClientDisconnect, Request

from facelattice.serve import request_body
from facelattice.serve.request_body import BodyMemory, read_upload


def read(
    chunks: Iterable[bytes | None],
    pause: float = 0.0,
    timeout: float = 10.0,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> bytes:
    """Read a body whose parts arrive after a pause each. None: the client disconnects."""
    parts = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        part = parts.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def run() -> bytes:
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        request = Request({"type": "http", "path": "/v1/align", "headers": raw}, receive)
        with options.get("memory", BodyMemory(1_000_000)).reservation() as reserve:
            upload = await read_upload(request, options.get("max_bytes", 1000), timeout, reserve, {"model"})
            return bytes(upload.data)

    return asyncio.run(run())


def status(*arguments: Any, **options: Any) -> int:
    with pytest.raises(HTTPException) as error:
        read(*arguments, **options)
    return error.value.status_code


def test_body_in_parts():
    assert read([b"ab", b"", b"cd"]) == b"abcd"


def test_body_that_is_too_large():
    assert read([b"a" * 500, b"b" * 500]) == b"a" * 500 + b"b" * 500
    assert status([b"a" * 500, b"b" * 501]) == 413
    assert status([], headers={"content-length": "1001"}) == 413  # without receiving it


def test_stalled_body_ends_with_408(monkeypatch):
    monkeypatch.setattr(request_body, "INTERVAL", 0.2)
    assert status([b"a", b"b"], pause=60) == 408


def test_slow_body_ends_with_408(monkeypatch):
    monkeypatch.setattr(request_body, "INTERVAL", 0.2)
    monkeypatch.setattr(request_body, "MIN_BYTES_PER_INTERVAL", 100)
    assert status([b"a"] * 1000, pause=0.01) == 408  # a byte at a time
    assert status([b"a" * 900, *[b"a"] * 100], pause=0.01) == 408  # the same after a fast beginning
    assert read([b"a" * 100] * 10, pause=0.05) == b"a" * 1000  # 100 bytes in each interval


def test_body_has_a_time_limit():
    assert status([b"a" * 10] * 100, pause=0.01, timeout=0.2) == 408


def test_client_that_disconnects():
    with pytest.raises(ClientDisconnect):
        read([b"a", None])


def test_bodies_share_a_limit_of_memory():
    memory = BodyMemory(100)
    with memory.reservation() as reserve:
        reserve(60)
        assert status([b"a" * 30, b"a" * 30], memory=memory) == 503
        assert memory.used == 60
    assert memory.used == 0
    assert read([b"a" * 60], memory=memory) == b"a" * 60


def test_form_field_with_the_name_of_a_parameter_is_rejected():
    form = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\na\r\n'
    form += b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\na\r\n--x--\r\n'
    assert status([form], headers={"content-type": "Multipart/Form-Data; boundary=x"}) == 400
