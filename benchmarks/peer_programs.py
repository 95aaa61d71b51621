"""The programs that peers.py measures: ours, dlib, MediaPipe, face-api and ONNX files, behind one interface.

program = load_dlib()
program.predict(image, box).points       # the face in a landmark box; predict is None if a program takes no box
program.detect(image).points             # all faces that it finds itself; detect is None if it has no detector
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx_rule import OnnxNetwork

import facelattice
from facelattice import geometry
from facelattice.evaluation.provenance import file_digest
from facelattice.exceptions import MissingDependencyError, ModelError
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import SCHEMES, Scheme

IBUG = SCHEMES["ibug68"]
INSTALL = {
    "dlib": 'pip install dlib-bin==20.0.0 face-recognition-models==0.3.0 "setuptools<81"',
    "MediaPipe": "pip install mediapipe==0.10.21",
    "face-api": "npm install --prefix FOLDER @vladmandic/face-api @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4, "
    "and give --face-api FOLDER",
}
# Vertices of the MediaPipe mesh that are nearest to the 68 points, in their order.
MESH = [
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107,
    336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387,
    263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]  # fmt: skip


@dataclass(frozen=True)
class BoxRule:
    """The box of a program's own detector relative to the tight box of the landmarks, in longer sides of the latter.

    A predictor was trained in boxes of its own detector. Given the landmark box as it is, it would be measured below
    its worth. `peers.py --fit-boxes` measures these numbers on training faces.
    """

    dx: float
    dy: float
    width: float
    height: float

    def apply(self, box: np.ndarray) -> np.ndarray:
        """Return the box (4,) that the program's detector would find around a face with this landmark box (4,)."""
        side = geometry.box_side(box)
        center = geometry.box_center(box) + side * np.array([self.dx, self.dy])
        half = side * np.array([self.width, self.height]) / 2
        return np.concatenate([center - half, center + half])


# python benchmarks/peers.py DATA --fit-boxes --faces 100 --face-api FOLDER
DLIB_BOX = BoxRule(dx=0.0, dy=-0.084, width=1.071, height=1.071)
FACE_API_BOX = BoxRule(dx=-0.02, dy=-0.127, width=1.028, height=1.138)


@dataclass(frozen=True)
class Output:
    """The result of a program for an image.

    Attributes:
        points: The landmarks (N, 2) of each face, pixels of the image with whole numbers at pixel centers.
        boxes: The boxes (4,) of the program's detector; empty if it does not tell them.
        ms: Duration of the call, from an image in memory to the landmarks.
    """

    points: list[np.ndarray]
    boxes: list[np.ndarray]
    ms: float


@dataclass(frozen=True)
class Program:
    """A program that finds landmarks.

    Attributes:
        name: Name in the table.
        version: Its version, or source and digest of an ONNX file.
        license: License of code and weights as its authors state them.
        scheme: Scheme of its points.
        predict: From an RGB image and a landmark box to the points of one face; None if that is not possible.
        detect: From an RGB image to the points of all faces; None if it has no detector.
        box_rule: How `predict` changes the landmark box; None if it takes it as it is.
        note: What is not possible, and why.
    """

    name: str
    version: str
    license: str
    scheme: Scheme
    predict: Callable[[np.ndarray, np.ndarray], Output] | None
    detect: Callable[[np.ndarray], Output] | None
    box_rule: BoxRule | None = None
    note: str = ""


def load_facelattice(name: str) -> Program:
    """Load a bundled model or a model file of this package."""
    model = Model(find_model(name), num_threads=1)
    aligner = FaceAligner(model)

    def predict(image: np.ndarray, box: np.ndarray) -> Output:
        start = time.perf_counter()
        faces = aligner(image, boxes=[box])
        return Output([face.points for face in faces], [], _ms_since(start))

    def detect(image: np.ndarray) -> Output:
        start = time.perf_counter()
        faces = aligner(image)
        return Output([face.points for face in faces], [], _ms_since(start))

    return Program(model.name, facelattice.__version__, "see the model card", model.scheme, predict, detect)


def load_dlib() -> Program:
    """Load dlib's detector (HOG, one upsampling) and its predictor of 68 points."""
    try:
        import dlib
        import face_recognition_models
    except ImportError as error:
        raise MissingDependencyError(f"{error.name} is not installed") from error
    find = dlib.get_frontal_face_detector()
    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def shape(image: np.ndarray, box: dlib.rectangle) -> np.ndarray:
        points = predictor(image, box)
        return np.array([(points.part(i).x, points.part(i).y) for i in range(68)], np.float32)

    def predict(image: np.ndarray, box: np.ndarray) -> Output:
        start = time.perf_counter()
        points = shape(image, dlib.rectangle(*(round(float(value)) for value in DLIB_BOX.apply(box))))
        return Output([points], [], _ms_since(start))

    def detect(image: np.ndarray) -> Output:
        start = time.perf_counter()
        boxes = list(find(image, 1))
        points = [shape(image, box) for box in boxes]
        ms = _ms_since(start)
        corners = [np.array([box.left(), box.top(), box.right(), box.bottom()], float) for box in boxes]
        return Output(points, corners, ms)

    terms = "Boost; model for research only, trained on 300-W, probably with HELEN and LFPW test"
    return Program("dlib, 68 points", dlib.__version__, terms, IBUG, predict, detect, DLIB_BOX)


def load_mediapipe() -> Program:
    """Load MediaPipe's face mesh, of which 68 vertices are used."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        import mediapipe
    except ImportError as error:
        raise MissingDependencyError(f"{error.name} is not installed") from error
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=4, refine_landmarks=False)

    def detect(image: np.ndarray) -> Output:
        start = time.perf_counter()
        faces = mesh.process(image).multi_face_landmarks or []
        ms = _ms_since(start)
        size = np.array(image.shape[1::-1])
        # MediaPipe: fractions of the image from edge to edge.
        fractions = [np.array([(face.landmark[i].x, face.landmark[i].y) for i in MESH]) for face in faces]
        return Output([(points * size - 0.5).astype(np.float32) for points in fractions], [], ms)

    note = "takes no box; trained on landmarks of another kind, which increases its error"
    return Program("MediaPipe face mesh", mediapipe.__version__, "Apache-2.0", IBUG, None, detect, note=note)


def load_face_api(folder: Path | None) -> Program:
    """Start face-api in Node: SSD MobileNet V1 as detector, its 68 points, WebAssembly on one thread.

    Args:
        folder: The folder with its node_modules; None if it was not given.
    """
    node = shutil.which("node")
    if node is None or folder is None or not (folder / "node_modules/@vladmandic/face-api").is_dir():
        raise MissingDependencyError("node is not installed" if node is None else "no --face-api FOLDER with its files")
    script = Path(__file__).with_name("face_api.cjs")
    process = subprocess.Popen([node, str(script), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None

    def call(image: np.ndarray, box: Sequence[float] | None) -> Output:
        head = {"width": image.shape[1], "height": image.shape[0], "box": box}
        stdin.write(json.dumps(head).encode() + b"\n" + np.ascontiguousarray(image).tobytes())
        stdin.flush()
        response = _read_json(stdout.readline())
        points = [np.array(face, np.float32) - 0.5 for face in response["points"]]  # from edges to pixel centers
        return Output(points, [np.array(corners) - 0.5 for corners in response["boxes"]], response["ms"])

    def predict(image: np.ndarray, box: np.ndarray) -> Output:
        return call(image, (FACE_API_BOX.apply(box) + 0.5).tolist())

    started = _read_json(stdout.readline())
    name = f"face-api, {started['backend']}"
    return Program(name, started["version"], "MIT", IBUG, predict, lambda image: call(image, None), FACE_API_BOX)


def load_onnx(path: Path) -> Program:
    """Load an ONNX file of others with its input rule."""
    network = OnnxNetwork(path)

    def predict(image: np.ndarray, box: np.ndarray) -> Output:
        start = time.perf_counter()
        points = network(image, box)
        return Output([points], [], _ms_since(start))

    rule = network.rule
    source = f"{rule.source}, SHA-256 {file_digest(path)[:12]}"
    return Program(rule.name, source, rule.license, network.scheme, predict, None, note="has no detector")


def _read_json(line: bytes) -> Any:
    if not line:
        raise ModelError("face-api has stopped; its message is above")
    return json.loads(line)


def _ms_since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)
