"""A training step on the CPU: depthwise convolutions in bf16 and in float32, with and without spinning threads.

    python benchmarks/precision.py             # needs the extra train

Forward and backward of EfficientNet-Lite0 and MobileNetV2 under bf16 autocast, channels-last, alone and beside two busy
programs; images per second as a Markdown table, the median of ten steps. Waiting threads of torch spin, or sleep with
`OMP_WAIT_POLICY=PASSIVE`, as `facelattice annotate` trains. Repeat it on your own processor: oneDNN's kernels differ
between them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from result import add_json_option, run, write_result

BATCH, SIZE, STEPS, NUM_BUSY = 32, 160, 10, 2
TIMEOUT = 60  # seconds for a row: spinning threads beside busy processes can take far longer
BACKBONES = ("tf_efficientnet_lite0", "mobilenetv2_100")


def images_per_second(backbone: str, in_float32: bool) -> float:
    """Return the median number of images per second over the steps, without the first two."""
    import timm
    import torch

    from facelattice.training.precision import depthwise_in_float32

    network = timm.create_model(backbone, num_classes=0).train().to(memory_format=torch.channels_last)
    if in_float32:
        depthwise_in_float32(network)
    images = torch.rand(BATCH, 3, SIZE, SIZE).to(memory_format=torch.channels_last)
    times = []
    for _ in range(STEPS + 2):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            features = network(images)
        features.float().mean().backward()
        times.append(time.perf_counter() - start)
    return BATCH / statistics.median(times[2:])


def measure(backbone: str, in_float32: bool, spinning: bool) -> float | None:
    """Return the images per second in a process of its own; None if it takes too long."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {} if spinning else {"OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, __file__, "--one", json.dumps([backbone, in_float32])]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return None
    return float(done.stdout)


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep some processors busy."""
    processes = [multiprocessing.Process(target=spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()


def spin() -> None:
    """Compute forever, in a session of its own: Linux shares the processors among sessions, as among other programs."""
    if hasattr(os, "setsid"):
        os.setsid()
    while True:
        pass


def main() -> None:
    """Print a table of the speeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    add_json_option(parser)
    options = parser.parse_args()
    if options.one:
        print(images_per_second(*options.one))
        return
    rows: list[dict[str, Any]] = []
    print("| backbone | depthwise in | waiting threads | busy processes | images/s |\n|" + 5 * "---|")
    for num_busy in (0, NUM_BUSY):
        for backbone in BACKBONES:
            for in_float32, spinning in ((False, True), (True, True), (True, False)):
                with busy_processes(num_busy):
                    speed = measure(backbone, in_float32, spinning)
                row = {
                    "backbone": backbone, "depthwise": "float32" if in_float32 else "bf16",
                    "waiting": "spin" if spinning else "sleep", "busy_processes": num_busy, "images_per_second": speed,
                }  # fmt: skip
                rows.append(row)
                shown = f"not finished in {TIMEOUT} s" if speed is None else f"{speed:.0f}"
                print(f"| {' | '.join(map(str, list(row.values())[:-1]))} | {shown} |", flush=True)
    write_result(options.json, "precision", rows, f"random images of {SIZE} px, batches of {BATCH}", "none")


if __name__ == "__main__":
    run(main)
