"""Measure the service on this machine: throughput, latency and memory, as Markdown tables.

    python benchmarks/serve.py examples/astronaut.jpg              # needs the extra dev; --seconds 5 is faster

The program starts `facelattice serve` with one worker per CPU. The first table is about 1 to 64 clients, each of which
sends its next request after the response to the last one. For comparison, one process first calls the library in a
loop on all CPUs. The second table is about memory after bodies of 20 MB that the service rejects, 40 at a time. The
clients run on the same CPUs. Memory is the resident size of the server and of its workers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from result import add_json_option, run, write_result

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
BODY_BYTES = 20_000_000 - 1000  # just below the default limit
CONCURRENT_BODIES = 40


async def send_images(address: str, data: bytes, num_clients: int, seconds: float) -> tuple[list[float], int]:
    """Return the latency of each request in milliseconds, and the number of responses with status 503."""
    end = time.perf_counter() + seconds
    times: list[float] = []
    overloaded = 0

    async def client(http: httpx.AsyncClient) -> None:
        nonlocal overloaded
        while time.perf_counter() < end:
            start = time.perf_counter()
            response = await http.post(f"{address}/v1/align", content=data)
            if response.status_code == 503:
                overloaded += 1
                await asyncio.sleep(0.2)
                continue
            response.raise_for_status()
            times.append(1000 * (time.perf_counter() - start))

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=num_clients)) as http:
        await asyncio.gather(*(client(http) for _ in range(num_clients)))
    return times, overloaded


def rejected_bodies() -> dict[str, dict[str, Any]]:
    """Return the arguments of a request for each kind of body that the service rejects."""
    no_image = bytes(BODY_BYTES)
    form_head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n\r\n'
    form = form_head + no_image[len(form_head) + 10 :] + b"\r\n--x--\r\n"
    form_headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return {
        "not an image": {"content": no_image},
        "a damaged PNG": {"content": b"\x89PNG\r\n\x1a\n" + no_image},
        "a form without an image": {"content": form, "headers": form_headers},
        "a form that is cut short": {"content": form[:-20], "headers": form_headers},
        "too large, without a length": {"content": no_image + bytes(2000)},
    }


async def send_rejected(address: str, request: dict[str, Any], count: int) -> dict[int, int]:
    """Send a request many times and return how often each status came back."""
    statuses: dict[int, int] = {}
    unsent = iter(range(count))
    content = request["content"]

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1 << 18):
            yield content[start : start + (1 << 18)]

    async def client(http: httpx.AsyncClient) -> None:
        for _ in unsent:
            status = 503
            while status == 503:
                status = (await http.post(f"{address}/v1/align", **{**request, "content": parts()})).status_code
                statuses[status] = statuses.get(status, 0) + 1
                await asyncio.sleep(status == 503)

    async with httpx.AsyncClient(timeout=120) as http:
        await asyncio.gather(*(client(http) for _ in range(CONCURRENT_BODIES)))
    return statuses


def memory(server: subprocess.Popen[str]) -> float:
    """Return the resident size of the server and its workers in MiB."""
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / 2**20


def library_throughput(data: bytes, seconds: float) -> float:
    """Return how many images per second one process aligns that calls the library in a loop."""
    from facelattice import FaceAligner
    from facelattice.serve.decode import decode

    aligner = FaceAligner()
    aligner(decode(data))
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        aligner(decode(data))
        count += 1
    return count / (time.perf_counter() - start)


@contextlib.contextmanager
def running_server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the service and give its process and address."""
    command = [sys.executable, "-m", "facelattice", "serve", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = server.stderr.readline().split("/    ")[0]
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{address}/healthz")
                break
            time.sleep(0.1)
        yield server, address
    finally:
        server.terminate()
        server.wait()


def print_load_table(data: bytes, seconds: float) -> Iterator[dict[str, Any]]:
    """Print the table of requests that succeed, and yield its rows."""
    with running_server() as (server, address):
        httpx.post(f"{address}/v1/align", content=data)
        print("| clients | requests/s | p50 | p99 | status 503 | memory before | memory after |")
        print("|---|---|---|---|---|---|---|")
        for num_clients in CLIENTS:
            before = memory(server)
            times, overloaded = asyncio.run(send_images(address, data, num_clients, seconds))
            p50, p99 = map(float, np.percentile(times or [np.nan], [50, 99]))
            after = memory(server)
            print(
                f"| {num_clients} | {len(times) / seconds:.1f} | {p50:.0f} ms | {p99:.0f} ms | {overloaded} |"
                f" {before:.0f} MiB | {after:.0f} MiB |",
                flush=True,
            )
            yield {
                "clients": num_clients, "requests_per_second": len(times) / seconds, "p50_ms": p50, "p99_ms": p99,
                "num_overloaded": overloaded, "memory_before_mib": before, "memory_after_mib": after,
            }  # fmt: skip


def print_memory_table(data: bytes, count: int) -> Iterator[dict[str, Any]]:
    """Print the table of memory after rejected bodies, and yield its rows."""
    with running_server() as (server, address):
        httpx.post(f"{address}/v1/align", content=data)
        print(f"| {count} bodies, {CONCURRENT_BODIES} at a time | status: number | memory before | memory after |")
        print("|---|---|---|---|")
        for kind, request in rejected_bodies().items():
            before = memory(server)
            statuses = asyncio.run(send_rejected(address, request, count))
            counts = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
            after = memory(server)
            print(f"| {kind} | {counts} | {before:.0f} MiB | {after:.0f} MiB |", flush=True)
            yield {
                "rejected": kind, "statuses": {str(status): number for status, number in sorted(statuses.items())},
                "memory_before_mib": before, "memory_after_mib": after,
            }  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="time for each number of clients")
    parser.add_argument("--bodies", type=int, default=200, help="number of rejected bodies of each of the 5 kinds")
    add_json_option(parser)
    options = parser.parse_args()
    data = options.photo.read_bytes()
    rows: list[dict[str, Any]] = []
    library = None
    if options.seconds:
        library = library_throughput(data, min(options.seconds, 20))
        print(f"the library in a loop: {library:.1f} images/s\n")
        rows += print_load_table(data, options.seconds)
        print()
    if options.bodies:
        rows += print_memory_table(data, options.bodies)
    image = f"{options.photo.name}, one face"
    more = {"library_images_per_second": library, "num_bodies": options.bodies, "concurrent_bodies": CONCURRENT_BODIES}
    write_result(options.json, "serve", rows, image, "the bundled detector", **more)


if __name__ == "__main__":
    run(main)
