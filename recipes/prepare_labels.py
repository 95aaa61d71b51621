"""Training tables of the bundled models: labels of hard faces by several networks, and visibility flags of MERL-RAV.

    python recipes/prepare_labels.py DATA LABELS --model ibug68

Writes into the folder LABELS:
    hard68.csv         68 points of the faces of DATA/unlabelled and DATA/wider98: the mean of ibug68 and of the labels
                       points98.csv that three networks trained on WFLW agree on
    hard98.csv         the 98 points of points98.csv that these networks agree on
    merlrav-train.csv  68 points and visibility of MERL-RAV, six out of seven faces
    merlrav-val.csv    the other faces, to measure visibility: facelattice evaluate MODEL LABELS/merlrav-val.csv
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.datasets.sampling import split_validation
from facelattice.formats import write_csv
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import LandmarkPredictor
from facelattice.training.progress import track_progress

MAX_DISAGREEMENT = 0.03  # of the three networks with their mean, as a share of the face's size
MAX_DISTANCE = 0.06  # of ibug68 from their mean, as a share of the face's size
VAL_FRACTION = 1 / 7


def main(data: Path, labels: Path, model: Annotated[str, typer.Option(help="The model that labels too.")]) -> None:
    """Write the tables."""
    labels.mkdir(parents=True, exist_ok=True)
    faces = [face for folder in ("unlabelled", "wider98") for face in consistent_faces(data / folder / "points98.csv")]
    write_csv(labels / "hard98.csv", ((relative(face.path, labels), face.points, face.mask) for face in faces))
    predictor = LandmarkPredictor(Model(find_model(model)))
    write_csv(labels / "hard68.csv", averaged_labels(faces, predictor, labels))
    split_merlrav(data / "mtfl5" / "merlrav.csv", labels)


def consistent_faces(table: Path) -> list[Sample]:
    """The faces of a table whose column "disagreement" is small."""
    with open(table, encoding="utf-8", newline="") as file:
        keep = [float(row["disagreement"]) <= MAX_DISAGREEMENT for row in csv.DictReader(file)]
    return [face for face, ok in zip(read_samples(table), keep, strict=True) if ok]


def averaged_labels(faces: list[Sample], predictor: LandmarkPredictor, labels: Path):
    """Yield the mean of the labels and of the model's predictions, for the faces where they are close."""
    _, converted = to_common_scheme(faces, predictor.model.scheme)
    for face in track_progress(converted, "labeling"):
        (found,) = predictor.predict([load_image(face.path)], [face.box])
        distance = np.linalg.norm(found.points - face.points, axis=1)[face.mask].mean()
        if distance <= MAX_DISTANCE * geometry.box_side(face.box):
            yield relative(face.path, labels), (found.points + face.points) / 2, face.mask


def split_merlrav(table: Path, labels: Path) -> None:
    """Copy a table in two parts, split by the names of the images as `split_validation` does."""
    val = {face.path for face in split_validation(read_samples(table), VAL_FRACTION)[1]}
    with open(table, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    for name, wanted in (("merlrav-train.csv", False), ("merlrav-val.csv", True)):
        with open(labels / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for image, *cells in rows:
                if (table.parent / image in val) == wanted:
                    writer.writerow([relative(table.parent / image, labels), *cells])


def relative(path: Path, folder: Path) -> str:
    """The path of an image as seen from the folder of a table."""
    return os.path.relpath(path, folder)


if __name__ == "__main__":
    typer.run(main)
