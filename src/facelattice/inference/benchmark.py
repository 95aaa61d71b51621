"""How long everything takes on this machine: models, detector, whole images, folders; and how much memory.

for part, setting, value, unit in measure(["ibug68"], [Path("photo.jpg")]):
    ...
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.parallel import align_all
from facelattice.onnx_session import num_usable_cpus

SAMPLE = Path(__file__).parents[1] / "serve" / "page" / "sample.jpg"  # where no image is given
BATCHES = (1, 32)
FOLDER = 128  # images that throughput is measured over, those given again and again
FRESH = """
import sys, time
start = time.perf_counter()
from facelattice import FaceAligner
aligner = FaceAligner(sys.argv[1])
for path in sys.argv[2:]: aligner(path)
seconds = time.perf_counter() - start
peak = float("nan")  # Windows does not say
if sys.platform == "darwin":
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
elif sys.platform == "linux":  # ru_maxrss would count the process that this one was forked from
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 2**10
print(seconds, peak)
"""


class Timing(NamedTuple):
    """part: what was measured. setting: how. value, unit: the median."""

    part: str
    setting: str
    value: float
    unit: str


def measure(models: Sequence[str], images: Sequence[Path], repeats: int = 20) -> Iterator[Timing]:
    """Time each model on crops, with one thread and with all, one and 32 at a time; then, with the images or else
    a sample, the detector, each model's whole way from image to points, and a folder's from files to points, by the
    first model. Raises ModelError and ImageError."""
    images = images or [SAMPLE]
    rng = np.random.default_rng(0)
    for name in models:
        path = find_model(name)
        for threads in dict.fromkeys((1, num_usable_cpus())):
            model = Model(path, threads)
            crops = rng.integers(0, 256, (max(BATCHES), model.crop_size, model.crop_size, 3), dtype=np.uint8)
            for batch in BATCHES:
                some, times = crops[:batch], max(3, repeats // batch * 4) if batch > 1 else repeats
                value = _median_ms(partial(model, some), times) / batch
                yield Timing(name, f"{_threads(threads)}, {batch} at a time", value, "ms a crop")
    opened = [load_image(path) for path in images]
    yield Timing("detector", "an image", _mean_ms(FaceAligner(models[0]).detector, opened, repeats), "ms")
    for name in models:
        for faces, most in (("all faces", None), ("one face", 1)):
            aligner = FaceAligner(name, max_faces=most)
            yield Timing(name, f"an image in memory, {faces}", _mean_ms(aligner, opened, repeats), "ms")
    many = [images[i % len(images)] for i in range(FOLDER)]
    for jobs in dict.fromkeys((1, num_usable_cpus())):
        start = time.perf_counter()
        for _ in align_all(many, {"model": models[0]}, _raise, jobs):
            pass
        how = "one after another" if jobs == 1 else f"by {jobs} processes, their start included"
        yield Timing(models[0], f"files, {how}", FOLDER / (time.perf_counter() - start), "images a second")
    command = [sys.executable, "-c", FRESH, models[0], *map(str, images)]
    seconds, peak = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    yield Timing(models[0], f"a fresh process, {len(images)} images", seconds, "s")
    yield Timing(models[0], "peak memory of that process", peak, "MiB")


def processor() -> str:
    """What figures depend on first of all: the processor's name, as far as the system tells it, how many there are for
    this process, and the widest of its instructions that are used."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            name = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), name)
    used = [feature.strip("*") for feature in cv2.getCPUFeaturesLine().split() if not feature.endswith("?")]
    return ", ".join([name, f"{num_usable_cpus()} of it", *used[-1:]])


def _raise(image: Path, error: ImageError) -> None:
    raise error


def _median_ms(function: Callable[[], object], repeats: int) -> float:
    """The median time of a call, milliseconds, after two that are not pluralize."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[2:])


def _mean_ms(function: Callable[[np.ndarray], object], images: list[np.ndarray], repeats: int) -> float:
    """The mean over images of the median time of each."""
    return statistics.mean(_median_ms(partial(function, image), repeats) for image in images)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"
