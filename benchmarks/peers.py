"""Compare the bundled models with other programs in one run: errors and time, on the same faces and boxes.

    python benchmarks/peers.py DATA --face-api FOLDER --onnx NETWORK.onnx --json benchmarks/results -o peers.svg

DATA contains 300W and WFLW. Measured are HELEN test, LFPW test, iBUG and the test list of WFLW (on 68 points).
Programs: the bundled models, dlib, MediaPipe (vertices of its mesh nearest to the 68 points), face-api, and ONNX files
with an input rule (onnx_rule.py). A program that is not installed is left out, with a line that says how to install it.
They run in one Python environment, that of this script: the package itself, and "pip install" of the programs.

- Boxes "annotation": the program gets the whole photo and the tight box of the 68 annotated landmarks. Programs that
  were trained in boxes of another kind get that box moved and scaled (`BoxRule`), with numbers from training faces.
- Boxes "detector": the program gets a square of 2.2 times the landmark box around the face, in the resolution of the
  photo, and detects faces in it. The points that overlap the annotation most are scored (IoU of at least 0.3).
- The time is that of the call, from an image in memory to landmarks, as the median over the faces. All programs run on
  one core with one thread, and take turns face by face, as processors that are shared vary in speed.
- NME: inter-ocular, over the faces found. FR and AUC: over all faces, with the threshold of the set's protocol.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from peer_programs import (
    IBUG,
    INSTALL,
    BoxRule,
    Program,
    load_dlib,
    load_face_api,
    load_facelattice,
    load_mediapipe,
    load_onnx,
)
from result import add_json_option, run, write_result

from facelattice import geometry, load_image, metrics, onnx_session
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, convert_samples
from facelattice.evaluation.predict import MATCH_IOU
from facelattice.evaluation.protocols import Protocol, choose_protocol
from facelattice.evaluation.provenance import data_digest
from facelattice.exceptions import DataError, MissingDependencyError
from facelattice.inference.benchmark import describe_processor
from facelattice.inference.model_zoo import list_models
from facelattice.schemes import convert

SETS = {
    "HELEN test": ("300W/helen/testset", None),
    "LFPW test": ("300W/lfpw/testset", None),
    "iBUG": ("300W/ibug", None),
    "WFLW subset as 68 points": ("WFLW", "test"),
}
TRAINING_FACES = "300W/helen/trainset"  # for --fit-boxes
VIEW = 2.2  # side of the image for detectors / longer side of the landmark box
NUM_WARMUP = 3  # faces that are not timed
BOXES = {
    "annotation": "whole photo and tight box of the 68 annotated landmarks, mapped by the program's box rule",
    "detector": f"square of {VIEW} times that box around the face, detected by the program itself",
}


@dataclass(frozen=True)
class FaceSet:
    """The faces of a test set.

    Attributes:
        name: Name in the table.
        samples: The faces, with 68 points.
        protocol: Protocol of the benchmark.
    """

    name: str
    samples: list[Sample]
    protocol: Protocol


@dataclass(frozen=True)
class Row:
    """The result of a program on a set with one kind of boxes; errors are fractions, times milliseconds."""

    set: str
    program: str
    boxes: str
    num_faces: int
    num_found: int
    nme: float | None
    median_nme: float | None
    failure_rate: float
    auc: float
    ms: float


def load_set(data: Path, name: str, num_faces: int | None) -> FaceSet:
    """Read a test set, or ``num_faces`` faces at equal distances in it."""
    folder, subset = SETS[name]
    annotated = read_samples(data / folder, subset)
    if num_faces is not None and num_faces < len(annotated):
        annotated = [annotated[i * len(annotated) // num_faces] for i in range(num_faces)]
    return FaceSet(name, convert_samples(annotated, IBUG, None), choose_protocol(annotated))


def load_programs(options: argparse.Namespace) -> tuple[list[Program], list[str]]:
    """Load all programs that are installed; also return a line for each that is left out."""
    loaders: dict[str, Callable[[], Program]] = {name: partial(load_facelattice, name) for name in list_models()}
    loaders |= {"dlib": load_dlib, "MediaPipe": load_mediapipe, "face-api": partial(load_face_api, options.face_api)}
    loaders |= {path.stem: partial(load_onnx, path) for path in options.onnx}
    if unknown := set(options.only or ()) - set(loaders):
        raise DataError(f"--only {', '.join(sorted(unknown))}: unknown; the programs are {', '.join(loaders)}")
    programs, left_out = [], []
    for name, load in loaders.items():
        if options.only and name not in options.only:
            continue
        try:
            programs.append(load())
        except MissingDependencyError as error:
            left_out.append(f"{name} is left out: {error}; install it with: {INSTALL[name]}")
    return programs, left_out


def measure(programs: Sequence[Program], faces: FaceSet) -> list[Row]:
    """Run all programs on a set, in turns, with annotated and with detected boxes."""
    nme: dict[tuple[str, str], list[float]] = defaultdict(list)
    ms: dict[tuple[str, str], list[float]] = defaultdict(list)
    warmup = faces.samples[:NUM_WARMUP]
    for i, sample in enumerate([*warmup, *faces.samples]):
        image = load_image(sample.path)
        view, matrix = cut_view(image, sample)
        truth_in_view = geometry.apply(matrix, sample.points)
        for program in programs:
            outputs = {}
            if program.predict is not None:
                outputs["annotation"] = program.predict(image, sample.box), sample.points
            if program.detect is not None:
                outputs["detector"] = program.detect(view), truth_in_view
            for boxes, (output, truth) in outputs.items():
                if i >= len(warmup):
                    points = [to_ibug(face, program) for face in output.points]
                    nme[program.name, boxes].append(score(points, truth, sample.mask, boxes))
                    ms[program.name, boxes].append(output.ms)
    return [summarize(faces, *key, np.array(errors), np.array(ms[key])) for key, errors in nme.items()]


def cut_view(image: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return the square around a face that detectors get, and the transform (2, 3) to it."""
    size = round(VIEW * geometry.box_side(sample.box))
    matrix = geometry.crop_transform(sample.box, size, VIEW)
    return geometry.warp(image, matrix, size), matrix


def to_ibug(points: np.ndarray, program: Program) -> np.ndarray:
    """Convert the points (N, 2) of a program to 68 points."""
    return convert(points, np.ones(len(points), bool), program.scheme, IBUG)[0]


def score(faces: list[np.ndarray], truth: np.ndarray, mask: np.ndarray, boxes: str) -> float:
    """Return the NME of the face that overlaps the annotation most; infinity if none does.

    With annotated boxes the only face is scored, however far it is from the annotation.
    """
    best: int | None = 0
    if boxes == "detector":
        found = [geometry.points_box(points) for points in faces]
        best = geometry.highest_iou(found, geometry.points_box(truth, mask), MATCH_IOU)
    return np.inf if best is None else metrics.nme(faces[best], truth, IBUG, mask)


def summarize(faces: FaceSet, program: str, boxes: str, nme: np.ndarray, ms: np.ndarray) -> Row:
    """Compute the metrics of a program from the NME of each face, infinite if it was not found, and the times."""
    found, threshold = nme[np.isfinite(nme)], faces.protocol.threshold
    return Row(
        set=faces.name,
        program=program,
        boxes=boxes,
        num_faces=len(nme),
        num_found=len(found),
        nme=float(found.mean()) if len(found) else None,
        median_nme=float(np.median(found)) if len(found) else None,
        failure_rate=metrics.failure_rate(nme, threshold),
        auc=metrics.auc(nme, threshold),
        ms=float(np.median(ms)),
    )


def fit_box_rule(program: Program, samples: Sequence[Sample]) -> BoxRule | None:
    """Measure the box of a program's detector relative to the landmark box, as the median over training faces."""
    rows = []
    for sample in samples:
        view, matrix = cut_view(load_image(sample.path), sample)
        assert program.detect is not None
        output = program.detect(view)
        landmark_box = geometry.points_box(geometry.apply(matrix, sample.points))
        best = geometry.highest_iou([geometry.points_box(p) for p in output.points], landmark_box, MATCH_IOU)
        if best is not None:
            box, side = output.boxes[best], geometry.box_side(landmark_box)
            shift = (geometry.box_center(box) - geometry.box_center(landmark_box)) / side
            rows.append([*shift, *(box[2:] - box[:2]) / side])
    return BoxRule(*(round(float(value), 3) for value in np.median(rows, 0))) if rows else None


def describe_programs(programs: Sequence[Program]) -> list[dict[str, Any]]:
    """Return what the JSON file says about the programs."""
    described = []
    for program in programs:
        values = {key: getattr(program, key) for key in ("name", "version", "license", "note")}
        described.append(values | {"box_rule": asdict(program.box_rule) if program.box_rule else None})
    return described


def describe_set(faces: FaceSet) -> dict[str, Any]:
    """Return what the JSON file says about a test set."""
    return {
        "name": faces.name,
        "num_faces": len(faces.samples),
        "data_sha256": data_digest(faces.samples),
        "protocol": asdict(faces.protocol),
    }


def print_table(faces: FaceSet, rows: Sequence[Row]) -> None:
    """Print the rows of a set as a Markdown table."""
    limit = f"{100 * faces.protocol.threshold:g}"
    print(f"\n{faces.name}: {len(faces.samples)} faces, protocol {faces.protocol}\n")
    print(f"| program | boxes | found | NME | median | FR@{limit} | AUC@{limit} | ms per face |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        nme, median = ("-" if value is None else f"{100 * value:.2f} %" for value in (row.nme, row.median_nme))
        print(
            f"| {row.program} | {row.boxes} | {row.num_found} | {nme} | {median} "
            f"| {100 * row.failure_rate:.1f} % | {100 * row.auc:.1f} % | {row.ms:.1f} |"
        )


def draw(limits: dict[str, float], rows: Sequence[Row], path: Path) -> None:
    """Draw the AUC against the time per face: a panel for each set, filled dots for annotated boxes.

    Args:
        limits: Names of the sets, and the thresholds of their protocols.
        rows: The results.
        path: The image file.
    """
    from matplotlib.figure import Figure

    from facelattice.visualization.figures import save_figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = figure.subplots(2, -(-len(limits) // 2), squeeze=False).ravel()
    colors = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(row.program for row in rows))}
    for axes, (name, limit) in zip(panels, limits.items(), strict=True):
        for row in (row for row in rows if row.set == name):
            color = colors[row.program]
            face = color if row.boxes == "annotation" else "none"
            axes.scatter(row.ms, 100 * row.auc, 60, facecolors=face, edgecolors=color)
        axes.set(title=name, xscale="log", xlabel="time per face, ms", ylim=(0, None))
        axes.set_ylabel(f"AUC@{100 * limit:g}, %, higher is better")
        axes.grid(alpha=0.3)
    for name, color in colors.items():
        panels[0].scatter([], [], 60, color=color, label=name)
    figure.legend(loc="outside right upper", title="filled: annotated box\nhollow: own detector", frameon=False)
    save_figure(figure, path)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that contains 300W and WFLW")
    parser.add_argument("--faces", type=int, metavar="N", help="measure N faces of each set only")
    parser.add_argument("--only", action="append", metavar="NAME", help="measure this program only; may be repeated")
    parser.add_argument("--onnx", action="append", type=Path, default=[], help="an ONNX file; may be repeated")
    parser.add_argument("--face-api", type=Path, metavar="FOLDER", help="folder with the node_modules of face-api")
    add_json_option(parser)
    parser.add_argument("-o", type=Path, metavar="IMAGE", help="draw AUC against time into this file")
    parser.add_argument("--fit-boxes", action="store_true", help="only print the box rules, from training faces")
    options = parser.parse_args(arguments)
    if options.faces is not None and options.faces < 1:
        parser.error(f"--faces must be at least 1, not {options.faces}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all programs and print a Markdown table for each set."""
    options = parse_arguments(arguments)
    programs, left_out = load_programs(options)
    for line in left_out:
        print(line, file=sys.stderr)
    if options.fit_boxes:
        samples = read_samples(options.data / TRAINING_FACES)[: options.faces]
        for program in programs:
            if program.box_rule is not None:
                print(program.name, fit_box_rule(program, samples))
        return
    print(describe_processor())
    sets, rows = [], []
    for name in SETS:
        faces = load_set(options.data, name, options.faces)
        sets.append(faces)
        rows += (measured := measure(programs, faces))
        print_table(faces, measured)
    for program in programs:
        if program.note:
            print(f"\n{program.name}: {program.note}")
    write_result(
        options.json,
        "peers",
        [asdict(row) for row in rows],
        faces=", ".join(f"{faces.name} ({len(faces.samples)})" for faces in sets),
        boxes="; ".join(f"{kind}: {text}" for kind, text in BOXES.items()),
        programs=describe_programs(programs),
        left_out=left_out,
        sets=[describe_set(faces) for faces in sets],
    )
    if options.o is not None:
        draw({faces.name: faces.protocol.threshold for faces in sets}, rows, options.o)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # child processes inherit it
    onnx_session.set_num_threads(1)
    cv2.setNumThreads(1)
    run(main)
