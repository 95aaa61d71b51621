"""A training step on the CPU with depthwise convolutions in bf16 and in float32: images a second, as a Markdown table.

    python benchmarks/precision.py             # needs the extra train

Forward and backward of EfficientNet-Lite0 and MobileNetV2 under bf16 autocast, channels-last, the median of ten steps.
Repeat it on your own processor: oneDNN's kernels differ between them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import timm
import torch
from result import add_json_option, write_result

from facelattice.training.precision import depthwise_in_float32

BATCH, SIZE, STEPS = 32, 160, 10


def images_per_second(backbone: str, in_float32: bool) -> float:
    """Return the median number of images per second over the steps, without the first two."""
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


def main() -> None:
    """Print a table of the speeds, in images per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_json_option(parser)
    options = parser.parse_args()
    rows = []
    print(f"| on {torch.get_num_threads()} CPU cores, {SIZE} px | depthwise in bf16 | in float32 |\n|---|---|---|")
    for backbone in ("tf_efficientnet_lite0", "mobilenetv2_100"):
        plain, mixed = images_per_second(backbone, False), images_per_second(backbone, True)
        rows.append({"backbone": backbone, "depthwise_bf16": plain, "depthwise_float32": mixed, "unit": "images/s"})
        print(f"| {backbone} | {plain:.0f} images/s | {mixed:.0f} images/s |")
    threads = f"{torch.get_num_threads()} threads, OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}"
    write_result(options.json, "precision", rows, f"random images of {SIZE} px, {threads}", "none")


if __name__ == "__main__":
    main()
