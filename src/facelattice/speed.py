"""How long everything takes on this machine: models, detector, whole pictures, folders; and how much memory.

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

from facelattice.aligner import FaceAligner
from facelattice.parallel import align_all
from facelattice.pictures import PictureError, read_picture
from facelattice.runtime import Model
from facelattice.threads import usable_cpus
from facelattice.weights import find_model

SAMPLE = Path(__file__).with_name("serve") / "page" / "sample.jpg"  # where no picture is given
BATCHES = (1, 32)
FOLDER = 128  # pictures that throughput is measured over, those given again and again
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


def measure(models: Sequence[str], pictures: Sequence[Path], repeats: int = 20) -> Iterator[Timing]:
    """Time each model on crops, with one thread and with all, one and 32 at a time; then, with the pictures or else
    a sample, the detector, each model's whole way from picture to points, and a folder's from files to points, by the
    first model. Raises ModelError and PictureError."""
    pictures = pictures or [SAMPLE]
    rng = np.random.default_rng(0)
    for name in models:
        path = find_model(name)
        for threads in dict.fromkeys((1, usable_cpus())):
            model = Model(path, threads)
            crops = rng.integers(0, 256, (max(BATCHES), model.size, model.size, 3), dtype=np.uint8)
            for batch in BATCHES:
                some, times = crops[:batch], max(3, repeats // batch * 4) if batch > 1 else repeats
                value = _median_ms(partial(model, some), times) / batch
                yield Timing(name, f"{_threads(threads)}, {batch} at a time", value, "ms a crop")
    opened = [read_picture(path) for path in pictures]
    yield Timing("detector", "a picture", _mean_ms(FaceAligner(models[0]).detector, opened, repeats), "ms")
    for name in models:
        for faces, most in (("all faces", None), ("one face", 1)):
            aligner = FaceAligner(name, max_faces=most)
            yield Timing(name, f"a picture in memory, {faces}", _mean_ms(aligner, opened, repeats), "ms")
    many = [pictures[i % len(pictures)] for i in range(FOLDER)]
    for jobs in dict.fromkeys((1, usable_cpus())):
        start = time.perf_counter()
        for _ in align_all(many, {"model": models[0]}, _raise, jobs):
            pass
        how = "one after another" if jobs == 1 else f"by {jobs} processes, their start included"
        yield Timing(models[0], f"files, {how}", FOLDER / (time.perf_counter() - start), "pictures a second")
    command = [sys.executable, "-c", FRESH, models[0], *map(str, pictures)]
    seconds, peak = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    yield Timing(models[0], f"a fresh process, {len(pictures)} pictures", seconds, "s")
    yield Timing(models[0], "peak memory of that process", peak, "MiB")


def processor() -> str:
    """What figures depend on first of all: the processor's name, as far as the system tells it, how many there are for
    this process, and the widest of its instructions that are used."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            name = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), name)
    used = [feature.strip("*") for feature in cv2.getCPUFeaturesLine().split() if not feature.endswith("?")]
    return ", ".join([name, f"{usable_cpus()} of it", *used[-1:]])


def _raise(picture: Path, error: PictureError) -> None:
    raise error


def _median_ms(function: Callable[[], object], repeats: int) -> float:
    """The median time of a call, milliseconds, after two that are not counted."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[2:])


def _mean_ms(function: Callable[[np.ndarray], object], pictures: list[np.ndarray], repeats: int) -> float:
    """The mean over pictures of the median time of each."""
    return statistics.mean(_median_ms(partial(function, picture), repeats) for picture in pictures)


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"
