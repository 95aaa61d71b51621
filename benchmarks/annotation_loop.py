"""Simulate an annotator with the truth of a dataset: how much work does the loop of `facelattice annotate` save?

    python benchmarks/annotation_loop.py DATA/300W/helen/trainset --points 17,21,22,26,36,39,42,45,30,48,54,8 \
        --json benchmarks/results
    python benchmarks/annotation_loop.py DATA/mtfl5/points.csv --faces 200 --json benchmarks/results

The simulated annotator accepts the suggested face that overlaps the true one most, or draws the true box if there is
none, and drags each point that is farther from the truth than the tolerance, each with one drag. It ends anywhere
within the tolerance, so that the labels are as exact whether they were dragged or not. A share of the box's longer side
is the unit of the tolerance and of the drags. Two ways are compared on the same images: the loop, in which a model is
trained after each round and the most uncertain images come first, and mean shapes of the faces that are done, in the
order of the files. The bundled models have seen HELEN's and AFLW's training photos with other points, so on photos of
your own the first rounds save less.

The seconds of a drag are those of Fitts' law for a mouse, as measured by MacKenzie, Sellen and Buxton (CHI 1991):
0.135 s + 0.249 s * log2(distance / width + 1), where the width is twice the tolerance. The time to decide and to reach
the point is not included.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from result import add_json_option, run, write_result
from training_tables import annotation_table

from facelattice import geometry
from facelattice.annotate.prediction import FaceSuggester, sort_by_uncertainty
from facelattice.annotate.project import Project
from facelattice.annotate.table import FaceAnnotation
from facelattice.annotate.training_job import DEFAULT_BASE, TrainingJob
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample
from facelattice.exceptions import DataError
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme
from facelattice.visualization.figures import save_figure

TOLERANCE = 0.02  # of the box's longer side; about the spread of two annotators
DRAG_START, DRAG_PER_BIT = 0.135, 0.249  # seconds, see above


@dataclass
class Work:
    """The work on one image.

    Attributes:
        corrections: Number of points that were dragged.
        distance: Sum of the lengths of the drags, in sides of the box.
        seconds: Sum of the times of the drags.
        boxes: Number of boxes that were drawn.
        nme: Mean distance of the final points from the truth, in sides of the box.
    """

    corrections: int
    distance: float
    seconds: float
    boxes: int
    nme: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both ways, and print and write a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces; photos with several faces are left out")
    parser.add_argument("--points", help="indices of the points to annotate, such as 36,45,30 (default: all)")
    parser.add_argument("--faces", type=int, default=120, help="number of faces, chosen at random")
    parser.add_argument(
        "--rounds", default="10,20,40,80", help="numbers of finished images at which a round is trained"
    )
    parser.add_argument("--epochs", type=int, help="epochs of each round (default: as the page suggests)")
    parser.add_argument("--start", default=DEFAULT_BASE, help="the model that each round starts from")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="of the box's longer side")
    add_json_option(parser)
    options = parser.parse_args(arguments)
    samples = choose_faces(options.data, options.points, options.faces)
    rounds = [number for number in map(int, options.rounds.split(",")) if number < len(samples)]
    with TemporaryDirectory() as folder:
        ways = {
            "mean shape": play(samples, Path(folder) / "shapes.csv", [], options),
            "the loop": play(samples, Path(folder) / "loop.csv", rounds, options),
        }
    edges = [0, *rounds, len(samples)]
    rows = [{"suggestions": name, **summarize(work, edges)} for name, work in ways.items()]
    print(annotation_table({"rows": rows, "edges": edges}))
    num_points = len(samples[0].scheme)
    faces = f"{len(samples)} photos with one face, chosen at random, {num_points} points"
    boxes = "suggested by the model, or drawn around the annotated points"
    more = {"num_points": num_points, "tolerance": options.tolerance, "edges": edges}
    images = {name: [vars(item) for item in work] for name, work in ways.items()}
    benchmark = f"annotation_loop_{num_points}_points"
    write_result(options.json, benchmark, rows, faces, boxes, **more, images=images)


def choose_faces(data: Path, points: str | None, count: int) -> list[Sample]:
    """Read the faces, keep the chosen points, and choose complete faces that are alone in their photo, which exists."""
    samples = read_samples(data)
    scheme = samples[0].scheme
    ids = list(range(len(scheme))) if points is None else [int(i) for i in points.split(",")]
    if not set(ids) <= set(range(len(scheme))):
        raise DataError(f"--points {points}: {scheme.name} has the points 0 to {len(scheme) - 1}")
    position = {point: k for k, point in enumerate(ids)}
    pairs = [[position[a], position[b]] for a, b in scheme.pairs if a in position and b in position]
    own = Scheme.from_dict({"name": "chosen", "points": [scheme.names[i] for i in ids], "pairs": pairs})
    paths = [sample.path for sample in samples]
    alone = [
        sample
        for sample in samples
        if paths.count(sample.path) == 1 and sample.mask[ids].all() and sample.path.is_file()  # MTFL has rows of LFW
    ]
    if not alone:
        raise DataError(f"{data}: no photo that exists has one face with all chosen points")
    order = np.random.default_rng(0).permutation(len(alone))[:count]
    return [_cut(alone[i], ids, own) for i in sorted(order)]


def _cut(sample: Sample, ids: Sequence[int], scheme: Scheme) -> Sample:
    points = sample.points[list(ids)]
    values: dict[str, Any] = {
        **vars(sample), "points": points, "mask": np.ones(len(ids), bool), "scheme": scheme,
        "box": geometry.face_box(points), "hidden": np.zeros(len(ids), bool), "visible": np.zeros(len(ids), bool),
    }  # fmt: skip
    return Sample(**values)


def play(samples: list[Sample], table: Path, rounds: Sequence[int], options: argparse.Namespace) -> list[Work]:
    """Annotate all images, and train when a number of images in ``rounds`` is done."""
    project = Project(table, samples[0].scheme, [sample.path for sample in samples])
    suggester = FaceSuggester(project, None)
    job = TrainingJob(project, options.start, lambda path: suggester.use_model(Model(path)))
    work = []
    while (index := next_image(project, suggester)) is not None:
        work.append(annotate(project, suggester, index, samples[index], options.tolerance))
        if len(work) in rounds and len(work) < len(samples):
            train(job, options.epochs)
    job.close()
    project.close()
    return work


def next_image(project: Project, suggester: FaceSuggester) -> int | None:
    """Return the image that the page shows next: the most uncertain one if there is a model."""
    open_images = [index for index, record in enumerate(project.records) if not record.done]
    if suggester.model_name is not None:
        for index in open_images:
            suggester.suggest(index)
    uncertainties = [suggester.uncertainty(index) for index in range(len(project.records))]
    order = sort_by_uncertainty(project.records, uncertainties)
    return order[0] if open_images else None


def annotate(project: Project, suggester: FaceSuggester, index: int, truth: Sample, tolerance: float) -> Work:
    """Correct the suggestion for an image, and mark the image as done."""
    rng = np.random.default_rng(index)  # both ways end their drags at the same places
    faces = [face.annotation.points for face in suggester.suggest(index).faces]
    best = geometry.highest_iou([geometry.face_box(points) for points in faces], truth.box, 0.1)
    points = suggester.suggest_in_box(index, truth.box).annotation.points if best is None else faces[best]
    side = geometry.box_side(truth.box)
    errors = np.linalg.norm(points - truth.points, axis=1) / side
    is_wrong = errors > tolerance
    radius, angle = np.sqrt(rng.random(len(points))), 2 * np.pi * rng.random(len(points))  # even in a disc
    ends = truth.points + tolerance * side * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    final = np.where(is_wrong[:, None], ends, points).astype(np.float32)
    drags = np.linalg.norm(ends - points, axis=1)[is_wrong] / side
    face = FaceAnnotation(final, np.zeros(len(final), bool))
    project.update(index, project.records[index].version, [face], done=True)
    nme = float(np.linalg.norm(final - truth.points, axis=1).mean()) / side
    return Work(len(drags), float(drags.sum()), drag_seconds(drags, tolerance), int(best is None), nme)


def drag_seconds(distances: np.ndarray, tolerance: float) -> float:
    """Return the time for drags of these lengths by Fitts' law."""
    return float((DRAG_START + DRAG_PER_BIT * np.log2(distances / (2 * tolerance) + 1)).sum())


def train(job: TrainingJob, epochs: int | None) -> None:
    """Train one round."""
    job.start(epochs)
    while (status := job.status()).state in ("training", "exporting"):
        time.sleep(0.5)
    if status.state != "finished":
        raise SystemExit(f"round {status.round}: {status.message}")
    print(f"round {status.round}: {status.num_faces} faces, {status.epochs} epochs, {status.seconds:.0f} s, "
          f"validation NME {100 * min(status.val_nme):.2f} %", flush=True)  # fmt: skip


def summarize(work: Sequence[Work], edges: Sequence[int]) -> dict[str, Any]:
    """Return the sums over all images, and the mean number of corrections of an image between the rounds."""
    return {
        "corrections": sum(item.corrections for item in work),
        "distance": sum(item.distance for item in work),
        "seconds": sum(item.seconds for item in work),
        "boxes": sum(item.boxes for item in work),
        "nme": float(np.mean([item.nme for item in work])),
        "by_round": [float(np.mean([item.corrections for item in work[a:b]])) for a, b in itertools.pairwise(edges)],
    }


def draw_curve(result: Mapping[str, Any], path: Path) -> None:
    """Draw the corrections so far over the images that are done, from a result."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name, images in result["images"].items():
        axes.plot(np.cumsum([0, *(image["corrections"] for image in images)]), label=name)
    for number in result["edges"][1:-1]:
        axes.axvline(number, color="gray", linewidth=0.7, linestyle=":")
    axes.set_xlabel("images done (dotted: a round of training)")
    axes.set_ylabel("points dragged so far")
    axes.legend()
    save_figure(figure, path)


if __name__ == "__main__":
    run(main)
