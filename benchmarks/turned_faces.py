"""Measure faces in turned photos, with and without the search for turned faces, as a Markdown table.

    python benchmarks/turned_faces.py DATA/WFLW --subset train --faces 100
    python benchmarks/turned_faces.py DATA/WFLW --subset train --search default --search quarters     # other searches

Each photo and its annotation is turned clockwise. The boxes are those of the annotation, or of the detector in the
whole photo. The cost is in crops per annotated face: with the detector, the other faces of the photos are predicted
too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from markdown_table import percent
from PIL import Image
from refinement import CountingModel
from result import add_json_option, part_name, run, write_result

from facelattice import FaceAligner, geometry, load_image
from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.evaluation.evaluate import evaluate_predictions
from facelattice.evaluation.predict import predict_samples
from facelattice.evaluation.protocols import choose_protocol
from facelattice.inference import aligner as aligner_module
from facelattice.inference import candidates, predictor, roll
from facelattice.inference.model_zoo import list_models

ROLLS = (0.0, 45.0, 90.0, 135.0, 180.0)

SEARCHES: dict[str, list[tuple[Any, str, Any]]] = {
    "no": [
        (predictor, "_QUARTERS", ()),
        (predictor, "_EIGHTHS", ()),
        (roll, "MAX_ROLL", inf),
        (aligner_module, "TURNS", ()),
        (candidates, "_MAX_TILT", inf),
    ],
    "default": [],
    "quarters": [(predictor, "_EIGHTHS", ())],
    "eighths at once": [(predictor, "_QUARTERS", (45, -45, 90, -90, 135, -135, 180)), (predictor, "_EIGHTHS", ())],
    "then by 30 degrees": [(predictor, "_EIGHTHS", (30, -30, 60, -60))],
    "below a score of 0.7": [(predictor, "CLEAR_SCORE", 0.7)],
}
"""Searches for turned faces: the constants that each replaces, with their modules."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces")
    parser.add_argument("--subset", help="use only the faces of this subset")
    parser.add_argument("--faces", type=int, help="use this number of faces, chosen at random (default: all)")
    parser.add_argument("--model", action="append", help="a bundled model; may be repeated (default: all)")
    parser.add_argument("--roll", type=float, action="append", help=f"degrees; may be repeated (default: {ROLLS})")
    parser.add_argument("--search", action="append", choices=SEARCHES, help="may be repeated (default: no and default)")
    add_json_option(parser)
    options = parser.parse_args()
    print("| model | box | roll | search | NME | failure rate | missed | crops per face |")
    print("|---|---|---|---|---|---|---|---|")
    rows: list[dict[str, Any]] = []
    for name in options.model or list_models():
        aligner: Any = FaceAligner(name)
        annotated = read_samples_for(aligner.model.scheme, options.data, options.subset)
        chosen = [annotated[i] for i in np.random.default_rng(0).permutation(len(annotated))[: options.faces]]
        for degrees in options.roll or ROLLS:
            with TemporaryDirectory() as folder:
                turned = turn_samples(chosen, degrees, Path(folder))
                for row in measure_turned(aligner, turned, options.search or ["no", "default"]):
                    rows.append({"model": name, "roll": degrees, **row})
                    print_row(rows[-1])
    faces = f"{len(chosen)} faces of {options.data.name}, {options.subset or 'test'}, the photos turned clockwise"
    name = part_name("turned_faces", options.subset)
    write_result(options.json, name, rows, faces, "annotation, or the bundled detector on the whole photo")


def turn_samples(samples: list[Sample], degrees: float, folder: Path) -> list[Sample]:
    """Write the photos turned clockwise, and return the samples with turned points."""
    turned = []
    for i, sample in enumerate(samples):
        image, matrix = geometry.turn_image(load_image(sample.path), -degrees)
        path, points = folder / f"{i}.bmp", geometry.apply(matrix, sample.points)
        Image.fromarray(image).save(path)
        turned.append(replace(sample, path=path, points=points, box=geometry.face_box(points, sample.mask)))
    return turned


@contextmanager
def searching(name: str) -> Iterator[None]:
    """Let the library search for turned faces as SEARCHES says."""
    with ExitStack() as stack:
        for module, constant, value in SEARCHES[name]:
            stack.enter_context(patch.object(module, constant, value))
        yield


def print_row(row: dict[str, Any]) -> None:
    """Print a row of the table."""
    nme, failures = (percent(row[key]) for key in ("nme", "failure_rate"))
    print(
        f"| {row['model']} | {row['boxes']} | {row['roll']:g} | {row['search']} | {nme} "
        f"| {failures} | {row['num_missed']} | {row['crops_per_face']:.2f} |",
        flush=True,
    )


def measure_turned(aligner: Any, annotated: list[Sample], searches: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one roll."""
    model = aligner.model
    samples, converted = to_common_scheme(annotated, model.scheme)
    for box in ("annotation", "detector"):
        for search in searches:
            aligner.predictor.model = counting = CountingModel(model, model.extra_views_below)
            with searching(search):
                predictions = predict_samples(aligner, converted, box)
            result = evaluate_predictions(samples, predictions, choose_protocol(samples))
            yield {
                "boxes": box, "search": search, "nme": result.nme, "failure_rate": result.failure_rate,
                "num_missed": result.num_missed, "crops_per_face": counting.num_crops / len(samples),
            }  # fmt: skip
    aligner.predictor.model = model


if __name__ == "__main__":
    run(main)
