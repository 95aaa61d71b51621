"""Measurement of speed and memory on this machine: models, detector, images, folders.

Example:
    for timing in measure(["ibug68"], [Path("photo.jpg")]):
        print(timing)
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

import facelattice
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.parallel import align_all
from facelattice.messages import pluralize
from facelattice.onnx_session import num_usable_cpus

SAMPLE_IMAGE = Path(__file__).parents[1] / "serve" / "page" / "sample.jpg"
BATCH_SIZES = (1, 32)
LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime")
NUM_FILES = 128
"""Number of files for the throughput; the images are repeated."""

# Prints the seconds and the peak memory in MiB of a process that aligns images; NaN if the memory is unknown.
_NEW_PROCESS = """
import sys, time
start = time.perf_counter()
from facelattice import FaceAligner
aligner = FaceAligner(sys.argv[1])
for path in sys.argv[2:]: aligner(path)
seconds = time.perf_counter() - start
peak = float("nan")
if sys.platform == "darwin":
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
elif sys.platform == "linux":  # ru_maxrss would include the memory of the parent process
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 2**10
print(seconds, peak)
"""


class Timing(NamedTuple):
    """A measured value.

    Attributes:
        part: Name of the model, or "detector".
        setting: Input, threads and processes.
        value: The value; times of calls are medians.
        unit: Unit of the value.
    """

    part: str
    setting: str
    value: float
    unit: str


def measure(models: Sequence[str], images: Sequence[Path], num_repeats: int = 20) -> Iterator[Timing]:
    """Measure speed and memory.

    Args:
        models: Names of bundled models or paths of model files, at least one. Files are measured with the first.
        images: Image files; if empty, the sample image of the package.
        num_repeats: Number of calls per median.

    Yields:
        The time of each model per crop, of the detector per image, of `FaceAligner` with each model per image, the
        throughput for files in one and in several processes, and time and peak memory of a new process.

    Raises:
        ModelError: If a model cannot be used.
        ImageError: If an image cannot be used.
    """
    images = images or [SAMPLE_IMAGE]
    loaded = [load_image(path) for path in images]
    for name in models:
        yield from _measure_model(name, num_repeats)
    yield Timing("detector", "one image", _mean_ms(FaceAligner(models[0]).detector, loaded, num_repeats), "ms")
    for name in models:
        for setting, max_faces in (("all faces", None), ("one face", 1)):
            aligner = FaceAligner(name, max_faces=max_faces)
            yield Timing(name, f"one image in memory, {setting}", _mean_ms(aligner, loaded, num_repeats), "ms")
    yield from _measure_files(models[0], images)
    command = [sys.executable, "-c", _NEW_PROCESS, models[0], *map(str, images)]
    seconds, peak = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    yield Timing(models[0], f"new process, {pluralize(len(images), 'image')}", seconds, "s")
    yield Timing(models[0], "new process, peak memory", peak, "MiB")


def describe_processor() -> str:
    """Return the processor's name, the number of usable cores, and the widest instruction set that OpenCV uses."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            name = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), name)
    # OpenCV marks instruction sets that the processor does not have with a question mark.
    used = [feature.strip("*") for feature in cv2.getCPUFeaturesLine().split() if not feature.endswith("?")]
    return ", ".join([name, pluralize(num_usable_cpus(), "core"), *used[-1:]])


def describe_machine() -> dict[str, Any]:
    """Return the date, the machine with its load, and the versions, so that a measurement can be repeated."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "processor": describe_processor(),
            "system": f"{platform.system()} {platform.machine()}",
            "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        },
        "versions": {
            "python": platform.python_version(),
            "facelattice": facelattice.__version__,
            **installed_versions(),
        },
    }


def installed_versions(names: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Return the versions of the installed packages; OpenCV can be installed under other names."""
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _measure_model(name: str, num_repeats: int) -> Iterator[Timing]:
    path, rng = find_model(name), np.random.default_rng(0)
    for num_threads in dict.fromkeys((1, num_usable_cpus())):
        model = Model(path, num_threads)
        crops = rng.integers(0, 256, (max(BATCH_SIZES), model.crop_size, model.crop_size, 3), dtype=np.uint8)
        for batch_size in BATCH_SIZES:
            repeats = num_repeats if batch_size == 1 else max(3, num_repeats // batch_size * 4)
            value = _median_ms(partial(model, crops[:batch_size]), repeats) / batch_size
            yield Timing(name, f"{pluralize(num_threads, 'thread')}, batch size {batch_size}", value, "ms/crop")


def _measure_files(model: str, images: Sequence[Path]) -> Iterator[Timing]:
    files = [images[i % len(images)] for i in range(NUM_FILES)]
    for jobs in dict.fromkeys((1, num_usable_cpus())):
        start = time.perf_counter()
        for _ in align_all(files, {"model": model}, _raise, jobs):
            pass
        setting = "files, 1 process" if jobs == 1 else f"files, {jobs} processes and their start"
        yield Timing(model, setting, NUM_FILES / (time.perf_counter() - start), "images/s")


def _raise(image: Path, error: ImageError) -> None:
    raise error


def _median_ms(function: Callable[[], object], num_repeats: int) -> float:
    """Return the median time of a call in milliseconds, after two calls to warm up."""
    times = []
    for _ in range(num_repeats + 2):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[2:])


def _mean_ms(function: Callable[[np.ndarray], object], images: list[np.ndarray], num_repeats: int) -> float:
    """Return the mean over images of the median time for each."""
    return statistics.mean(_median_ms(partial(function, image), num_repeats) for image in images)
