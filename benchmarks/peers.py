"""Ours beside dlib and MediaPipe: error, failures and time a face, in one run, on the same faces and processor.

    python benchmarks/peers.py DATA/WFLW --subset test -o docs/images/peers.svg       # needs the extra dev, and pip

dlib's 68 points (dlib-bin, its model out of face-recognition-models) and MediaPipe's face mesh (0.10.21, its vertices
mapped to the 68 points) are installed by this script with pip, each into a virtual environment of its own (--folder
keeps them). Every program gets the same images: a square of 2.2 times the landmark box around each face, as it lies
in the photo, and finds the face in it by its own detector; of several it may choose the one that overlaps the
annotation most; "one face" is the same program told that one is wanted, which it then chooses itself. The time is that
of the whole call, image in memory to points, the median over the faces, and of three rounds in which the programs
take turns, as processors that are shared with others change their speed. dlib's model was probably trained on the
photos of HELEN test, and MediaPipe's on points of another kind, which costs it something in any such comparison.
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
from pathlib import Path

SIDE = 2.2  # of an image, landmark boxes
ONE = ", one face"
ROUNDS = 3
DLIB, MEDIAPIPE = "dlib 20, 68 points", "MediaPipe 0.10.21 mesh"
PEERS = {
    DLIB: ["dlib-bin==20.0.0", "face-recognition-models==0.3.0", "setuptools<81"],
    MEDIAPIPE: ["mediapipe==0.10.21"],
}
# Vertices of MediaPipe's mesh that lie nearest to the 68 points, in their order.
MESH = [
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107,
    336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387,
    263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]  # fmt: skip


def dlib_points() -> Callable:
    """An image, RGB -> the 68 points of each face that dlib finds."""
    import dlib
    import face_recognition_models

    detect = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def run(image):
        shapes = [predict(image, box) for box in detect(image, 1)]
        return [[(shape.part(i).x, shape.part(i).y) for i in range(68)] for shape in shapes]

    return run


def mediapipe_points(most: int) -> Callable:
    """An image, RGB -> the 68 points of each face, ``most`` of them, that MediaPipe finds."""
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=most, refine_landmarks=False)

    def run(image):
        height, width = image.shape[:2]
        faces = mesh.process(image).multi_face_landmarks or []
        # Its coordinates are shares of the image, from edge to edge; ours have whole numbers at pixel centers.
        return [[(f.landmark[i].x * width - 0.5, f.landmark[i].y * height - 0.5) for i in MESH] for f in faces]

    return run


def ours(model: str, most: int | None) -> Callable:
    """An image, RGB -> the points of each face, ``most`` of them, that FaceAligner finds."""
    from facelattice import FaceAligner

    aligner = FaceAligner(model, min_score=0.1, max_faces=most)
    return lambda image: [face.points.tolist() for face in aligner(image)]


def work(program: str, folder: Path) -> None:
    """Run one program over the images in a folder, in this process, and write what it found and how long it took."""
    import cv2

    name, one = program.removesuffix(ONE), program.endswith(ONE)
    if name == DLIB:
        run = dlib_points()
    elif name == MEDIAPIPE:
        run = mediapipe_points(1 if one else 4)
    else:
        run = ours(name, 1 if one else None)
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(folder.glob("*.png"))]
    for image in images[:5]:
        run(image)  # not counted: what loads when first used
    found, milliseconds = [], []
    for image in images:
        start = time.perf_counter()
        found.append(run(image))
        milliseconds.append(1000 * (time.perf_counter() - start))
    (folder / "found.json").write_text(json.dumps({"faces": found, "ms": milliseconds}))


def python_of(program: str, folder: Path) -> str:
    """The interpreter that a program is installed in, made where it is not there yet."""
    program = program.removesuffix(ONE)
    if program not in PEERS:
        return sys.executable
    home = folder / program.split()[0]
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        packages = ["opencv-python-headless<5", *PEERS[program]]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--subset", default=None)
    parser.add_argument("--model", action="append", default=None, help="of ours; all that are bundled with 68 points")
    parser.add_argument("--folder", type=Path, default=Path("runs/peers"), help="where the environments are kept")
    parser.add_argument("--most", type=int, default=None, help="only the first so many faces")
    parser.add_argument("-o", type=Path, default=None, help="draw error against time")
    options = parser.parse_args()

    import cv2
    import numpy as np

    from facelattice import geometry, get_scheme, load_image, metrics
    from facelattice.datasets.readers.detect_layout import read_samples
    from facelattice.datasets.sample import convert_samples
    from facelattice.inference.benchmark import describe_processor
    from facelattice.inference.model_zoo import find_model, list_models
    from facelattice.inference.onnx_model import Model

    scheme = get_scheme("ibug68")
    samples = convert_samples(read_samples(options.data, options.subset), scheme, None)[: options.most]
    models = options.model or [name for name in list_models() if Model(find_model(name)).scheme.name == scheme.name]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        truths = []
        for i, sample in enumerate(samples):
            size = round(SIDE * geometry.box_side(sample.box))
            matrix = geometry.crop_transform(sample.box, size, SIDE)
            cut = geometry.warp(load_image(sample.path), matrix, size)
            cv2.imwrite(str(Path(temporary) / f"{i:05}.png"), cv2.cvtColor(cut, cv2.COLOR_RGB2BGR))
            truths.append(geometry.apply(matrix, sample.points))
        programs = [program for name in [*models, *PEERS] for program in (name, name + ONE)]
        programs.remove(DLIB + ONE)  # it cannot be told
        results: dict[str, dict] = {}
        times: dict[str, list[float]] = {}
        for program in programs * ROUNDS:
            python = python_of(program, options.folder)
            subprocess.run([python, __file__, "--work", program, temporary], check=True)
            results[program] = json.loads((Path(temporary) / "found.json").read_text())
            times.setdefault(program, []).extend(results[program]["ms"])
        for program in programs:
            errors = []
            for faces, truth in zip(results[program]["faces"], truths, strict=True):
                points = [np.array(face, np.float32) for face in faces]
                boxes = [geometry.points_box(p) for p in points]
                best = geometry.highest_iou(boxes, geometry.points_box(truth), 0.2)
                errors.append(np.inf if best is None else metrics.nme(points[best], truth, scheme))
            known = np.array(errors)
            rows.append((program, float(known[np.isfinite(known)].mean()), known, statistics.median(times[program])))
    print(f"{describe_processor()}\n")
    print("| program | found | NME of those found | failures over 10 % | AUC to 10 % | ms a face |")
    print("|---|---|---|---|---|---|")
    for program, nme, known, ms in rows:
        failures, auc = metrics.failure_rate(known), metrics.auc(known)
        found = f"{np.isfinite(known).sum()} of {len(known)}"
        print(f"| {program} | {found} | {100 * nme:.2f} % | {100 * failures:.1f} % | {100 * auc:.1f} % | {ms:.1f} |")
    if options.o is not None:
        draw(rows, options.o)


def draw(rows: list, path: Path) -> None:
    """Failures against the time a face takes."""
    from matplotlib.figure import Figure

    from facelattice import metrics
    from facelattice.visualization.figures import save_figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for program, _, known, ms in rows:
        failures = 100 * metrics.failure_rate(known)
        if not program.endswith(ONE):
            axes.scatter(ms, failures, s=60)
            axes.annotate(program, (ms, failures), xytext=(7, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("ms a face, the whole call")
    axes.set_ylabel("faces off by more than 10 %, or not found, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    save_figure(figure, path)


if __name__ == "__main__":
    if "--work" in sys.argv:  # this file, run by the interpreter that one program is installed in
        work(sys.argv[-2], Path(sys.argv[-1]))
    else:
        main()
