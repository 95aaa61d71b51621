"""Compare the bundled models with dlib and MediaPipe: error, failure rate and time per face, on the same processor.

    python benchmarks/peers.py DATA/WFLW --subset test -o docs/images/peers.svg       # needs the extra "dev"

The script installs dlib (68 points, model of face-recognition-models) and MediaPipe (68 vertices of its face mesh) with
pip, each into a virtual environment of its own below --folder.

Every program gets the same images: the photo around each face, 2.2 times the landmark box, in its own resolution. It
detects the faces itself. Of several faces, the one with the highest IoU with the annotation counts. "One face" is the
same program limited to one face, which it chooses itself. The time is that of the whole call, from an image in memory
to landmarks: the median over the faces and over three rounds, in which the programs take turns because shared
processors vary in speed.

Two caveats: the model of dlib was probably trained on the photos of HELEN test, and MediaPipe was trained on landmarks
of another kind, which increases its error.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VIEW = 2.2  # side of an image / side of the landmark box
ONE_FACE = ", one face"
NUM_ROUNDS = 3
NUM_WARMUP = 5  # images that are not timed
MIN_IOU = 0.2  # of a detected and the annotated box
DLIB, MEDIAPIPE = "dlib 20, 68 points", "MediaPipe 0.10.21 mesh"
PACKAGES = {
    DLIB: ["dlib-bin==20.0.0", "face-recognition-models==0.3.0", "setuptools<81"],
    MEDIAPIPE: ["mediapipe==0.10.21"],
}
# Vertices of the MediaPipe mesh that are nearest to the 68 points, in their order.
MESH = [
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107,
    336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387,
    263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]  # fmt: skip

Points = list[tuple[float, float]]
Program = Callable[[Any], list[Points]]  # an RGB image -> the landmarks of each face


@dataclass(frozen=True)
class Result:
    """The NME of each face (infinite if it was not found) and the median time of a call, ms."""

    program: str
    nme: Any
    milliseconds: float


def load_dlib() -> Program:
    """Return dlib's detector and shape predictor."""
    import dlib
    import face_recognition_models

    detect = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def run(image: Any) -> list[Points]:
        shapes = [predict(image, box) for box in detect(image, 1)]
        return [[(shape.part(i).x, shape.part(i).y) for i in range(68)] for shape in shapes]

    return run


def load_mediapipe(max_faces: int) -> Program:
    """Return MediaPipe's face mesh, reduced to 68 points."""
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=max_faces, refine_landmarks=False
    )

    def run(image: Any) -> list[Points]:
        height, width = image.shape[:2]
        faces = mesh.process(image).multi_face_landmarks or []
        # MediaPipe: fractions of the image from edge to edge. Here: pixels, with whole numbers at pixel centers.
        return [[(f.landmark[i].x * width - 0.5, f.landmark[i].y * height - 0.5) for i in MESH] for f in faces]

    return run


def load_facelattice(model: str, max_faces: int | None) -> Program:
    """Return a bundled model."""
    from facelattice import FaceAligner

    aligner = FaceAligner(model, min_score=0.1, max_faces=max_faces)
    return lambda image: [face.points.tolist() for face in aligner(image)]


def time_program(program: str, folder: Path) -> None:
    """Run a program on the images of a folder, and write the landmarks and times to found.json."""
    import cv2

    name, one_face = program.removesuffix(ONE_FACE), program.endswith(ONE_FACE)
    if name == DLIB:
        run = load_dlib()
    elif name == MEDIAPIPE:
        run = load_mediapipe(1 if one_face else 4)
    else:
        run = load_facelattice(name, 1 if one_face else None)
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(folder.glob("*.png"))]
    for image in images[:NUM_WARMUP]:
        run(image)
    faces, milliseconds = [], []
    for image in images:
        start = time.perf_counter()
        faces.append(run(image))
        milliseconds.append(1000 * (time.perf_counter() - start))
    (folder / "found.json").write_text(json.dumps({"faces": faces, "ms": milliseconds}), encoding="utf-8")


def find_python(program: str, folder: Path) -> str:
    """Return the interpreter of a program; create its virtual environment if it does not exist."""
    program = program.removesuffix(ONE_FACE)
    if program not in PACKAGES:
        return sys.executable
    environment = folder / program.split()[0]
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        packages = ["opencv-python-headless<5", *PACKAGES[program]]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces")
    parser.add_argument("--subset", help="use only the faces of this subset")
    parser.add_argument(
        "--model", action="append", help="a bundled model; may be repeated (default: all with 68 points)"
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/peers"), help="folder of the virtual environments")
    parser.add_argument("--max-samples", type=int, help="use only the first faces")
    parser.add_argument("-o", type=Path, help="draw failure rate against time into this file")
    return parser.parse_args()


def main() -> None:
    """Run all programs and print a Markdown table."""
    options = parse_arguments()

    import cv2
    import numpy as np

    from facelattice import geometry, get_scheme, load_image, metrics
    from facelattice.datasets.readers.detect_layout import read_samples
    from facelattice.datasets.sample import convert_samples
    from facelattice.inference.benchmark import describe_processor
    from facelattice.inference.model_zoo import find_model, list_models
    from facelattice.inference.onnx_model import Model

    scheme = get_scheme("ibug68")
    samples = convert_samples(read_samples(options.data, options.subset), scheme, None)[: options.max_samples]
    models = options.model or [name for name in list_models() if Model(find_model(name)).scheme.name == scheme.name]
    programs = [program for name in [*models, *PACKAGES] for program in (name, name + ONE_FACE)]
    programs.remove(DLIB + ONE_FACE)  # dlib has no such option
    with tempfile.TemporaryDirectory() as temporary:
        truths = []
        for i, sample in enumerate(samples):
            size = round(VIEW * geometry.box_side(sample.box))
            matrix = geometry.crop_transform(sample.box, size, VIEW)
            view = geometry.warp(load_image(sample.path), matrix, size)
            cv2.imwrite(str(Path(temporary) / f"{i:05}.png"), cv2.cvtColor(view, cv2.COLOR_RGB2BGR))
            truths.append(geometry.apply(matrix, sample.points))
        outputs: dict[str, Any] = {}
        times: dict[str, list[float]] = {}
        for program in programs * NUM_ROUNDS:
            python = find_python(program, options.folder)
            subprocess.run([python, __file__, "--work", program, temporary], check=True)
            outputs[program] = json.loads((Path(temporary) / "found.json").read_text(encoding="utf-8"))
            times.setdefault(program, []).extend(outputs[program]["ms"])
    results = []
    for program in programs:
        nme = []
        for faces, truth in zip(outputs[program]["faces"], truths, strict=True):
            points = [np.array(face, np.float32) for face in faces]
            boxes = [geometry.points_box(p) for p in points]
            best = geometry.highest_iou(boxes, geometry.points_box(truth), MIN_IOU)
            nme.append(np.inf if best is None else metrics.nme(points[best], truth, scheme))
        results.append(Result(program, np.array(nme), statistics.median(times[program])))
    print(f"{describe_processor()}\n")
    print("| program | found | NME of the faces found | FR@10 | AUC@10 | ms per face |")
    print("|---|---|---|---|---|---|")
    for result in results:
        found = np.isfinite(result.nme)
        failure_rate, auc = metrics.failure_rate(result.nme), metrics.auc(result.nme)
        print(
            f"| {result.program} | {found.sum()} of {len(found)} | {100 * result.nme[found].mean():.2f} % "
            f"| {100 * failure_rate:.1f} % | {100 * auc:.1f} % | {result.milliseconds:.1f} |"
        )
    if options.o is not None:
        draw(results, options.o)


def draw(results: list[Result], path: Path) -> None:
    """Draw the failure rate against the time per face."""
    from matplotlib.figure import Figure

    from facelattice import metrics
    from facelattice.visualization.figures import save_figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for result in results:
        if not result.program.endswith(ONE_FACE):
            place = result.milliseconds, 100 * metrics.failure_rate(result.nme)
            axes.scatter(*place, s=60)
            axes.annotate(result.program, place, xytext=(7, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("time per face, ms")
    axes.set_ylabel("FR@10 (NME above 10 %, or not found), %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    save_figure(figure, path)


if __name__ == "__main__":
    if "--work" in sys.argv:  # this file, run by the interpreter of one program
        time_program(sys.argv[-2], Path(sys.argv[-1]))
    else:
        main()
