"""Measure the overhead around the networks for single images, and the throughput for many files.

    python benchmarks/pipeline.py DATA/300W/helen/testset  # --images 60 for a quick run

The first table is about single images in memory: the time of a call, the part of it in the detector and in the
landmark model, and the time of the rows of its faces with pose, measures and visibility. The second part is about
files: one process with one thread, one process with a thread for each processor, and one process for each processor,
as `facelattice align` does. The start of processes is included. All ways must find the same points. The images of the
folder are repeated until there are enough.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from result import add_json_option, run, write_result

from facelattice import FaceAligner, load_image
from facelattice.detection import YuNetDetector
from facelattice.file_search import find_images
from facelattice.inference import aligner as aligner_module
from facelattice.inference.benchmark import describe_processor
from facelattice.inference.model_zoo import DEFAULT, list_models
from facelattice.inference.parallel import align_all
from facelattice.onnx_session import num_usable_cpus, set_num_threads

NUM_WARMUP = 3
NUM_SINGLE_IMAGES = 60


class Timed:
    """A function that counts the milliseconds spent in it."""

    def __init__(self, function: Callable[..., Any]):
        self.function, self.ms = function, 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        start = time.perf_counter()
        try:
            return self.function(*arguments)
        finally:
            self.ms += 1000 * (time.perf_counter() - start)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


class TimedDetector(YuNetDetector):
    """The bundled detector, which counts the milliseconds spent in it."""

    def __init__(self) -> None:
        self.timed = Timed(super().__call__)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detect faces."""
        return self.timed(image)


def measure_calls(model: str, images: list[np.ndarray], max_faces: int | None) -> tuple[float, float, float, float]:
    """Return median milliseconds: of a call, of the detector and the landmark model in it, and of the faces' rows."""
    detector = TimedDetector()
    aligner: Any = FaceAligner(model, detector, max_faces=max_faces)
    aligner.predictor.model = landmark_model = Timed(aligner.model)
    quick_detect = Timed(aligner_module.quick_detect)
    timed = [detector.timed, quick_detect, landmark_model]
    rows = []
    with patch.object(aligner_module, "quick_detect", quick_detect):
        for image in images[:NUM_WARMUP]:
            aligner(image)
        for image in images:
            for function in timed:
                function.ms = 0.0
            start = time.perf_counter()
            faces = aligner(image)
            end = time.perf_counter()
            for face in faces:
                face.to_dict()
            to_dict = 1000 * (time.perf_counter() - end)
            rows.append((1000 * (end - start), timed[0].ms + timed[1].ms, timed[2].ms, to_dict))
    total, detection, prediction, to_dict = (statistics.median(column) for column in zip(*rows, strict=True))
    return total, detection, prediction, to_dict


def align_files(paths: list[Path], settings: dict[str, Any], jobs: int) -> tuple[float, list[np.ndarray]]:
    """Return the seconds, and the points of all faces."""
    start = time.perf_counter()
    points = [face.points for faces in align_all(paths, settings, exit_with_error, jobs) for face in faces]
    return time.perf_counter() - start, points


def align_files_on_one_thread(paths: list[Path], settings: dict[str, Any]) -> tuple[float, list[np.ndarray]]:
    """Return the same from a process with one thread."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), set_num_threads, (1,)) as pool:
        return pool.submit(align_files, paths, settings, 1).result()


def exit_with_error(path: Path, error: Exception) -> None:
    """Stop the benchmark at an image that cannot be used."""
    raise SystemExit(str(error))


def is_same(points: list[np.ndarray], other: list[np.ndarray]) -> bool:
    """Return whether the faces are the same up to 0.1 px, as sums depend on the number of threads."""
    return len(points) == len(other) and all(np.allclose(a, b, atol=0.1) for a, b in zip(points, other, strict=True))


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--model", default=DEFAULT)
    add_json_option(parser)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    paths = find_images([str(options.folder)])
    images = [load_image(path) for path in paths[:NUM_SINGLE_IMAGES]]
    print(f"{describe_processor()}\n")
    print("| model | max_faces | detector | landmark model | call | call / both networks | rows |\n|" + 7 * "---|")
    for model in sorted(list_models(), key=lambda name: name != DEFAULT):
        for max_faces in (None, 1):
            total, detection, prediction, to_dict = measure_calls(model, images, max_faces)
            rows.append(
                {"model": model, "max_faces": max_faces, "detector_ms": detection, "landmark_model_ms": prediction}
                | {"call_ms": total, "rows_ms": to_dict}
            )
            print(
                f"| {model} | {max_faces} | {detection:.1f} ms | {prediction:.1f} ms | {total:.1f} ms "
                f"| {total / (detection + prediction):.2f} | {to_dict:.2f} ms |"
            )
    files = [paths[i % len(paths)] for i in range(options.images)]
    settings = {"model": options.model}
    cores = num_usable_cpus()
    ways = {
        "1 process, 1 thread": partial(align_files_on_one_thread, files, settings),
        f"1 process, {cores} threads": partial(align_files, files, settings, 1),
        f"{cores} processes, 1 thread each": partial(align_files, files, settings, cores),
    }
    results = {way: run() for way, run in ways.items()}
    *others, (last, points) = results.values()
    if not all(is_same(points, other) for _, other in others):
        sys.exit("error: the ways find different points")
    rows += [
        {"model": options.model, "way": way, "num_images": len(files), "seconds": seconds}
        for way, (seconds, _) in results.items()
    ]
    print(f"\n{len(files)} images, {len(points)} faces, {options.model}:")
    for way, (seconds, _) in results.items():
        print(f"  {way:30} {seconds:.1f} s, {len(files) / seconds:.1f} images/s")
    ratios = " and ".join(f"{seconds / last:.2f}" for seconds, _ in others)
    print(f"  the last is {ratios} times as fast as the others")
    write_result(options.json, "pipeline", rows, f"photos of {options.folder.name}", "the bundled detector")


if __name__ == "__main__":
    run(main)
