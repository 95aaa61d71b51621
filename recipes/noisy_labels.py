"""Training faces with noisy labels, for `ablation-noise.yaml`.

    python recipes/noisy_labels.py DATA NOISY

Writes two tables of the HELEN training part of 300-W and of the WFLW part (as 68 points) in DATA: NOISY/noisy.csv with
four fifths of the photos, where a tenth of the landmarks is at a random place of the face, and NOISY/clean.csv with the
rest. The random places lie within the box of the true landmarks, so that the crops of training stay where they are.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import typer

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, convert_samples
from facelattice.datasets.sampling import split_validation
from facelattice.schemes import SCHEMES

SETS = (("300W/helen/trainset", None), ("WFLW", "train"))
CLEAN_FRACTION = 0.2
SHARE = 0.1
SCHEME = SCHEMES["ibug68"]


def main(data: Path, noisy: Path) -> None:
    """Write the tables."""
    noisy.mkdir(parents=True, exist_ok=True)
    faces = [
        face
        for folder, subset in SETS
        for face in convert_samples(read_samples_for(SCHEME, data / folder, subset), SCHEME, None)
    ]
    noisy_faces, clean = split_validation(faces, CLEAN_FRACTION)
    write_table(noisy / "clean.csv", clean, [face.points for face in clean])
    write_table(noisy / "noisy.csv", noisy_faces, [add_noise(face, seed) for seed, face in enumerate(noisy_faces)])


def add_noise(face: Sample, seed: int) -> np.ndarray:
    """Return the landmarks (68, 2) of a face, some of them at a wrong place."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(face.points)) < SHARE
    places = rng.uniform(face.points.min(0), face.points.max(0), face.points.shape)
    return np.where(wrong[:, None], places, face.points)


def write_table(path: Path, faces: list[Sample], points: list[np.ndarray]) -> None:
    """Write the photos and landmarks of faces."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", *(f"{axis}{i}" for i in range(len(SCHEME)) for axis in "xy")])
        for face, landmarks in zip(faces, points, strict=True):
            writer.writerow([Path(face.path).resolve(), *np.round(landmarks.ravel(), 2)])


if __name__ == "__main__":
    typer.run(main)
