"""What is around the network and the detector, and what it costs: an image, and a folder of many.

    python benchmarks/pipeline.py DATA/300W/helen/testset            # no extra needed; --images 60 for a quick look

The first table is one image at a time, in memory: the whole call against what ONNX Runtime and the detector take by
themselves for the same crops and images. The second is files to faces: one after another in one process, on one
thread and on as many as there are processors, against the processes of `facelattice align`, which start within that
time. All must find the same. Images of the folder are taken again until there are as many as asked for.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import FaceAligner, load_image
from facelattice.image_io import find_images
from facelattice.inference.benchmark import processor
from facelattice.inference.model_zoo import DEFAULT, list_models
from facelattice.inference.parallel import align_all
from facelattice.onnx_session import num_usable_cpus, set_num_threads


class Watched:
    """A function, and the milliseconds spent in it."""

    def __init__(self, function):
        self.function, self.ms = function, 0.0

    def __call__(self, *arguments):
        start = time.perf_counter()
        try:
            return self.function(*arguments)
        finally:
            self.ms += 1000 * (time.perf_counter() - start)

    def __getattr__(self, name: str) -> object:
        return getattr(self.function, name)


def overhead(model: str, images: list[np.ndarray], max_faces: int | None) -> tuple[float, float, float]:
    """Medians over images, ms: the whole call, and of that what the detector and ONNX Runtime take."""
    aligner: Any = FaceAligner(model, max_faces=max_faces)
    aligner.model, aligner.detector, aligner._glance = watched = [
        function and Watched(function) for function in (aligner.model, aligner.detector, aligner._glance)
    ]
    run, *finders = [function for function in watched if function is not None]
    for image in images[:3]:
        aligner(image)
    rows = []
    for image in images:
        run.ms = 0.0
        for finder in finders:
            finder.ms = 0.0
        start = time.perf_counter()
        aligner(image)
        rows.append((1000 * (time.perf_counter() - start), sum(finder.ms for finder in finders), run.ms))
    whole, found, ran = zip(*rows, strict=True)
    return statistics.median(whole), statistics.median(found), statistics.median(ran)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--model", default=DEFAULT)
    options = parser.parse_args()
    paths = find_images([str(options.folder)])
    opened = [load_image(path) for path in paths[:60]]
    print(f"{processor()}\n")
    print("| model | faces wanted | detector | ONNX Runtime | the whole call | over both |\n|---|---|---|---|---|---|")
    for model in sorted(list_models(), key=lambda name: name != DEFAULT):
        for most in (None, 1):
            whole, found, run = overhead(model, opened, most)
            print(
                f"| {model} | {most or 'all'} | {found:.1f} ms | {run:.1f} ms | {whole:.1f} ms "
                f"| {whole / (found + run):.2f} x |"
            )
    many = [paths[i % len(paths)] for i in range(options.images)]
    settings = {"model": options.model}
    ways = {
        "one after another, 1 thread": partial(one_thread, many, settings),
        f"one after another, {num_usable_cpus()} threads": partial(all_points, many, settings, 1),
        f"{num_usable_cpus()} processes": partial(all_points, many, settings, num_usable_cpus()),
    }
    found = {way: run() for way, run in ways.items()}
    *before, (fastest, points) = found.values()
    print(f"\n{len(many)} images, {len(points)} faces, {options.model}:")
    for way, (seconds, _) in found.items():
        print(f"  {way:30} {seconds:.1f} s, {len(many) / seconds:.1f} a second")
    ratios = " and ".join(f"{seconds / fastest:.2f}" for seconds, _ in before)
    same = all(
        len(points) == len(others) and all(np.allclose(a, b, atol=0.01) for a, b in zip(points, others, strict=True))
        for _, others in before
    )
    print(f"  {ratios} times as fast, {'the same points' if same else 'OTHER POINTS'}")


def all_points(paths: list[Path], settings: dict[str, Any], jobs: int) -> tuple[float, list[np.ndarray]]:
    """Seconds, and the points of all faces, without the images that they hold."""
    start = time.perf_counter()
    points = [face.points for faces in align_all(paths, settings, wrong, jobs) for face in faces]
    return time.perf_counter() - start, points


def one_thread(paths: list[Path], settings: dict[str, Any]) -> tuple[float, list[np.ndarray]]:
    """The same in a process that keeps to one thread."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), set_num_threads, (1,)) as pool:
        return pool.submit(all_points, paths, settings, 1).result()


def wrong(path: Path, error: Exception) -> None:
    raise SystemExit(str(error))


if __name__ == "__main__":
    main()
