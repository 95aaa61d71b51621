"""The service under load, on this machine: requests a second, median and 99th percentile, memory, as a Markdown table.

    python benchmarks/serve.py examples/astronaut.jpg              # needs the extra dev; --seconds 5 for a quick look

Starts `facelattice serve` with a worker for each processor and asks it with 1 to 64 clients at a time, each of which
sends its next request when the last one is answered. Before that one process calls the library in a loop, on the same
image with all processors. Clients run on the same processors and take some of their time. Memory is that of the
server and its workers together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import psutil

CLIENTS = (1, 2, 4, 8, 16, 32, 64)


async def load(address: str, data: bytes, clients: int, seconds: float) -> tuple[list[float], int]:
    """The milliseconds that each answered request took, and how many were told to come back later."""
    ends = time.perf_counter() + seconds
    times: list[float] = []
    refused = 0

    async def client(http: httpx.AsyncClient) -> None:
        nonlocal refused
        while time.perf_counter() < ends:
            start = time.perf_counter()
            answer = await http.post(f"{address}/v1/align", content=data)
            if answer.status_code == 503:
                refused += 1
                await asyncio.sleep(0.2)
                continue
            answer.raise_for_status()
            times.append(1000 * (time.perf_counter() - start))

    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=clients)) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))
    return times, refused


def memory(server: subprocess.Popen) -> float:
    """MiB of the server and its workers."""
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / 2**20


def in_a_loop(data: bytes, seconds: float) -> float:
    """Images a second of the library, called in a loop."""
    from facelattice import FaceAligner
    from facelattice.serve.decode import decode

    aligner = FaceAligner()
    aligner(decode(data))
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        aligner(decode(data))
        count += 1
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="for each number of clients")
    options = parser.parse_args()
    data = options.photo.read_bytes()
    print(f"the library in a loop: {in_a_loop(data, min(options.seconds, 20)):.1f} images a second\n")
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
        httpx.post(f"{address}/v1/align", content=data)
        print("| clients | requests a second | p50 | p99 | told to come back | memory before | after |")
        print("|---|---|---|---|---|---|---|")
        for clients in CLIENTS:
            before = memory(server)
            times, refused = asyncio.run(load(address, data, clients, options.seconds))
            p50, p99 = np.percentile(times or [np.nan], [50, 99])
            print(
                f"| {clients} | {len(times) / options.seconds:.1f} | {p50:.0f} ms | {p99:.0f} ms | {refused} |"
                f" {before:.0f} MiB | {memory(server):.0f} MiB |",
                flush=True,
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
