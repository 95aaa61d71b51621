"""Training tables of the bundled models: labels of hard faces by several networks, and visibility flags of MERL-RAV.

    python recipes/prepare_labels.py DATA LABELS --model ibug68

Writes into the folder LABELS:
    hard68.csv            68 points of the faces of DATA/unlabelled and DATA/wider98: the mean of ibug68 and of the
                          labels points98.csv that three networks trained on WFLW agree on
    hard98.csv            the 98 points of points98.csv that these networks agree on
    backgrounds.csv       boxes of DATA/crowds/train that the detector or ibug68-fast takes for faces
    merlrav-val.csv       68 points and visibility of one out of seven faces of MERL-RAV, to measure visibility
    merlrav-profiles.csv  the other faces with points that the face itself hides
    merlrav-train.csv     the rest

MTFL's five points, and with them the points of MERL-RAV, lie to the right of and below their places in the photo, by
the same distance everywhere. All of them are moved by the median distance to the points that ibug68 finds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.datasets.sampling import split_validation
from facelattice.detection.yunet import detect_faces
from facelattice.formats import Row, write_csv
from facelattice.formats.csv_reader import read_csv
from facelattice.formats.names import relative_path
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import LandmarkPredictor
from facelattice.training.progress import track_progress

MAX_DISAGREEMENT = 0.03  # of the three networks with their mean, as a share of the face's size
MAX_DISTANCE = 0.06  # of ibug68 from their mean, as a share of the face's size
MIN_BACKGROUND = 12  # pixels
RANDOM_BOXES, KEPT_BOXES, MAX_FACE_IOU = 100, 20, 0.05  # boxes for each photo of a crowd
VAL_FRACTION = 1 / 7
SELF_OCCLUDED = "2"  # in the column visibility


def main(data: Path, labels: Path, model: Annotated[str, typer.Option(help="The model that labels too.")]) -> None:
    """Write the tables."""
    labels.mkdir(parents=True, exist_ok=True)
    faces = [face for folder in ("unlabelled", "wider98") for face in consistent_faces(data / folder / "points98.csv")]
    write_csv(labels / "hard98.csv", ((relative_path(face.path, labels), face.points, face.mask) for face in faces))
    predictor = LandmarkPredictor(Model(find_model(model)))
    write_csv(labels / "hard68.csv", averaged_labels(faces, predictor, labels))
    small = LandmarkPredictor(Model(find_model("ibug68-fast")), refine=0)
    write_backgrounds(data / "crowds" / "train", small, labels)
    split_merlrav(data / "mtfl5" / "merlrav.csv", predictor, labels)


def consistent_faces(table: Path) -> list[Sample]:
    """Return the faces of a table whose column "disagreement" is small."""
    with open(table, encoding="utf-8", newline="") as file:
        keep = [float(row["disagreement"]) <= MAX_DISAGREEMENT for row in csv.DictReader(file)]
    return [face for face, ok in zip(read_samples(table), keep, strict=True) if ok]


def averaged_labels(faces: list[Sample], predictor: LandmarkPredictor, labels: Path) -> Iterator[Row]:
    """Yield the mean of the labels and of the model's predictions, for the faces where they are close."""
    _, converted = to_common_scheme(faces, predictor.model.scheme)
    for face in track_progress(converted, "labeling", "faces"):
        (found,) = predictor.predict([load_image(face.path)], [face.box])
        distance = np.linalg.norm(found.points - face.points, axis=1)[face.mask].mean()
        if distance <= MAX_DISTANCE * geometry.box_side(face.box):
            yield relative_path(face.path, labels), (found.points + face.points) / 2, face.mask


def write_backgrounds(crowds: Path, predictor: LandmarkPredictor, labels: Path) -> None:
    """Write boxes beside all annotated faces of a photo: detections, and the random boxes with the highest scores."""
    faces: dict[str, list[np.ndarray]] = {}
    for image, corners, _ in read_csv(next(crowds.glob("*.csv"))):
        faces.setdefault(image, []).append(corners.reshape(4))
    rng = np.random.default_rng(0)
    with open(labels / "backgrounds.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "x0", "y0", "x1", "y1"])
        for name, boxes in track_progress(list(faces.items()), "collecting boxes without a face", "photos"):
            photo = load_image(crowds / name)
            random = random_boxes(photo, RANDOM_BOXES, rng)
            random = random[[all(geometry.iou(box, face) < MAX_FACE_IOU for face in boxes) for box in random]]
            scores = [face.score for face in predictor.predict([photo] * len(random), random)]
            detected = [
                box
                for box in detect_faces(photo)[0]
                if geometry.box_side(box) >= MIN_BACKGROUND and all(geometry.iou(box, face) == 0 for face in boxes)
            ]
            for box in [*detected, *random[np.argsort(scores)[::-1][:KEPT_BOXES]]]:
                writer.writerow([relative_path(crowds / name, labels), *np.round(box, 1)])


def random_boxes(image: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Square boxes (count, 4) anywhere in an image, of sides that are uniform on a logarithmic scale."""
    height, width = image.shape[:2]
    sides = np.exp(rng.uniform(np.log(MIN_BACKGROUND), np.log(max(height, width) / 2), count))
    centers = rng.uniform([0, 0], [width, height], (count, 2))
    return np.array([geometry.square_box(*pair) for pair in zip(centers, sides, strict=True)])


def split_merlrav(table: Path, predictor: LandmarkPredictor, labels: Path) -> None:
    """Copy a table in parts: validation faces, split by their images as in training, and two kinds of the others."""
    train_faces, val_faces = split_validation(read_samples(table), VAL_FRACTION)
    val = {face.path for face in val_faces}
    x, y = registration_offset(train_faces, predictor)
    typer.echo(f"MERL-RAV: points are moved by {x:.2f}, {y:.2f} px")
    with open(table, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    for column, name in enumerate(header):
        if name[0] in "xy" and name[1:].isdigit():
            for row in rows:
                row[column] = row[column] and f"{float(row[column]) + (x if name[0] == 'x' else y):.2f}"
    visibility = header.index("visibility")
    parts: dict[str, list[list[str]]] = {"val": [], "train": [], "profiles": []}
    for image, *cells in rows:
        path = table.parent / image
        row = [relative_path(path, labels), *cells]
        parts["val" if path in val else "profiles" if SELF_OCCLUDED in row[visibility] else "train"].append(row)
    for name, part in parts.items():
        with open(labels / f"merlrav-{name}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *part])


def registration_offset(faces: list[Sample], predictor: LandmarkPredictor) -> np.ndarray:
    """Return the median over faces of the median offset (2,) from annotated to predicted points, pixels."""
    offsets = []
    for face in track_progress(faces, "registering MERL-RAV", "faces"):
        (found,) = predictor.predict_and_refine([load_image(face.path)], [face.box])
        offsets.append(np.median((found.points - face.points)[face.mask], axis=0))
    return np.median(offsets, axis=0)


if __name__ == "__main__":
    typer.run(main)
