"""Receive the body of a request within limits of size, memory and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import aclosing, contextmanager

from fastapi import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from facelattice.serve.form import FormError, FormReader, Upload

# Minimum number of bytes of a body in each interval (seconds), which is about 3 kB/s. Slower clients would occupy
# memory and connections for long.
INTERVAL, MIN_BYTES_PER_INTERVAL = 5.0, 16_384


class BodyMemory:
    """Limits the memory of all request bodies together.

    Args:
        limit: Maximum number of bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def reservation(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves a number of bytes until the end of the context.

        The function raises HTTPException 503 if the limit would be exceeded.
        """
        reserved = 0

        def reserve(num_bytes: int) -> None:
            nonlocal reserved
            if self.used + num_bytes > self.limit:
                detail = f"the requests in progress hold {self.used / 1e6:.0f} MB already"
                raise HTTPException(503, detail, {"Retry-After": "1"})
            self.used += num_bytes
            reserved += num_bytes

        try:
            yield reserve
        finally:
            self.used -= reserved


async def read_upload(
    request: Request, max_bytes: int, timeout: float, reserve: Callable[[int], None], parameters: Collection[str]
) -> Upload:
    """Receive the image or other file of a request: its body, or the file of its form.

    Args:
        request: The request, with a body that has not been read.
        max_bytes: Maximum size of the body.
        timeout: Maximum time, in seconds.
        reserve: Called with the size of each chunk of the body that arrives.
        parameters: Names of query parameters. A form must not contain fields of these names.

    Raises:
        HTTPException: 400 for a wrong form, 408 for a slow client, 413 for a body that is too large.
        ClientDisconnect: If the client has disconnected.
    """
    too_large = f"the body is larger than {max_bytes / 1e6:g} MB"
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise HTTPException(413, too_large)
    content_type = request.headers.get("content-type", "")
    try:
        form = FormReader(content_type) if content_type.lower().startswith("multipart/form-data") else None
        upload = Upload() if form is None else form.upload
        num_bytes = 0
        async with aclosing(_receive_chunks(request.receive, timeout)) as chunks:
            async for chunk in chunks:
                num_bytes += len(chunk)
                if num_bytes > max_bytes:
                    raise HTTPException(413, too_large)
                reserve(len(chunk))
                if form is None:
                    upload.data += chunk
                else:
                    form.write(chunk)
        if form is not None:
            form.close()
            _check_fields(form.field_names, parameters, request.scope["path"])
    except FormError as error:
        raise HTTPException(400, str(error)) from None
    return upload


def _check_fields(names: list[str], parameters: Collection[str], path: str) -> None:
    misplaced = sorted(set(names) & set(parameters))
    if misplaced:  # ignoring them would give an unexpected result
        detail = f"give {', '.join(misplaced)} in the URL, not in the form: {path}?{misplaced[0]}=..."
        raise HTTPException(400, detail)


async def _receive_chunks(receive: Receive, timeout: float) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of a body as they arrive."""
    clock = asyncio.get_running_loop().time
    end = clock() + timeout
    interval_end, num_bytes = clock() + INTERVAL, 0
    while True:
        message = await _receive_until(receive, min(end, interval_end))
        if message is None:
            raise HTTPException(408, "the body of the request arrives too slowly")
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        yield chunk
        if not message.get("more_body", False):
            return
        num_bytes += len(chunk)
        if num_bytes >= MIN_BYTES_PER_INTERVAL:
            interval_end, num_bytes = clock() + INTERVAL, 0


async def _receive_until(receive: Receive, end: float) -> Message | None:
    """Return the next message, or None if none arrives before ``end`` on the event loop's clock."""
    task = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task}, timeout=max(0.0, end - asyncio.get_running_loop().time()))
        return task.result() if task.done() else None
    finally:
        task.cancel()
