"""How long FaceAligner takes on the example photo, and how much memory: medians, as a Markdown table.

    python benchmarks/speed.py              # python benchmarks/speed.py my_photo.jpg --repeats 50

"Points" is one crop through the network, looked at once; FaceAligner looks at each face twice (``refine=1``). The start
is that of a fresh Python process: the import, the model file checked and loaded, the first picture done.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "astronaut.jpg"
FRESH = """
import resource, sys, time
start = time.perf_counter()
from facelattice import FaceAligner
aligner = FaceAligner()
ready = time.perf_counter()
aligner(sys.argv[1])
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(ready - start, done - start, peak)
"""


def median_ms(function: Callable[[], object], repeats: int) -> float:
    """The median time of a call, milliseconds, after two that are not counted."""
    times = []
    for i in range(repeats + 2):
        start = time.perf_counter()
        function()
        if i > 1:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def fresh(photo: Path, times: int = 3) -> list[float]:
    """Seconds until ready, seconds until the first picture is done, peak memory in MiB: medians of fresh processes."""
    command = [sys.executable, "-c", FRESH, str(photo)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(times)]
    return [statistics.median(map(float, column)) for column in zip(*runs, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()

    ready, first, peak = fresh(options.photo)

    from facelattice import FaceAligner, read_picture

    picture = read_picture(options.photo)
    aligner = FaceAligner()
    once = FaceAligner(aligner.model, refine=0)
    boxes = [face.box for face in aligner(picture)]
    if not boxes:
        raise SystemExit(f"{options.photo}: no face found, nothing to measure")
    n = options.repeats
    many = (boxes * 32)[:32]
    height, width = picture.shape[:2]
    rows = [
        (f"decoding the photo, {width} x {height} px", f"{median_ms(lambda: read_picture(options.photo), n):.1f} ms"),
        ("finding boxes in it", f"{median_ms(lambda: aligner.detector(picture), n):.1f} ms"),
        ("points of one face, one look", f"{median_ms(lambda: once(picture, boxes[:1]), n):.1f} ms"),
        (
            "points of one face of 32 at a time, one look",
            f"{median_ms(lambda: once(picture, many), n // 3) / 32:.1f} ms",
        ),
        (f"the whole picture, {len(boxes)} face(s), two looks", f"{median_ms(lambda: aligner(picture), n):.1f} ms"),
        ("fresh process until ready", f"{ready:.2f} s"),
        ("fresh process until the first picture is done", f"{first:.2f} s"),
        ("peak memory of that process", f"{peak:.0f} MiB"),
    ]
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"| on {cpus} CPU cores | |\n|---|---|")
    for what, value in rows:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
