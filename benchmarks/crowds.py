"""False and missed faces in whole photos, over the minimum of the score times the detector's confidence.

Usage:
    python benchmarks/crowds.py DATA/crowds/train --model ibug68

DATA/crowds/train contains photos and a table image,x0,y0,x1,y1 with the boxes of all their faces. A face that a model
gives is true if its box overlaps an annotated one with an IoU of at least 0.2 (annotated boxes begin above the brows),
and false otherwise. Annotated faces of 20 px and more should be found.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from result import add_json_option, part_name, run, write_result

from facelattice import FaceAligner, geometry, load_image
from facelattice.evaluation.predict import match_boxes
from facelattice.exceptions import DataError
from facelattice.formats.csv_reader import read_csv
from facelattice.inference.model_zoo import list_models

MIN_IOU = 0.2
MIN_SIDE = 20  # pixels; smaller annotated faces need not be found
MIN_SCORES = (0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.22, 0.25, 0.3, 0.35, 0.4, 0.5)


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of photos with a table of boxes")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_json_option(parser)
    options = parser.parse_args()
    boxes: dict[str, list[np.ndarray]] = {}
    tables = sorted(options.photos.glob("*.csv"))
    if not tables:
        raise DataError(f"{options.photos}: no table (.csv) of boxes")
    for image, corners, _ in read_csv(tables[0]):
        boxes.setdefault(image, []).append(corners.reshape(4))
    rows = []
    for name in options.model or list_models():
        aligner = FaceAligner(name, min_score=min(MIN_SCORES))
        results = [measure(aligner, options.photos / image, faces) for image, faces in boxes.items()]
        true, false = (np.concatenate(parts) for parts in zip(*((r[0], r[1]) for r in results), strict=True))
        wanted = sum(r[2] for r in results)
        found = np.concatenate([r[3] for r in results])
        print(f"{name}: {len(boxes)} photos, {wanted} faces of {MIN_SIDE} px and more")
        print("| minimum score | faces given | false | found |\n|---|---|---|---|")
        for score in MIN_SCORES:
            wrong, hits = (false >= score).sum(), (found >= score).sum()
            given = wrong + (true >= score).sum()
            row = {"false": float(wrong / max(1, given)), "found": float(hits / wanted)}
            rows.append({"model": name, "min_score": score, "given": int(given), **row})
            print(f"| {score} | {given} | {100 * row['false']:.1f} % | {100 * row['found']:.1f} % |")
    faces = f"{len(boxes)} photos of {options.photos.name}, {wanted} annotated faces of {MIN_SIDE} px and more"
    name = part_name("crowds", options.photos.name)
    write_result(options.json, name, rows, faces, "the bundled detector on the whole photo")


def measure(
    aligner: FaceAligner, path: Path, annotated: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Find the faces of a photo.

    Returns:
        The scores of true and of false faces, the number of faces that should be found, and the scores of those found.
    """
    faces = aligner(load_image(path))
    is_true = np.array([max(geometry.iou(face.box, box) for box in annotated) >= MIN_IOU for face in faces], bool)
    scores = np.array([face.score * face.confidence for face in faces])
    wanted = [box for box in annotated if geometry.box_side(box) >= MIN_SIDE]
    matches = match_boxes([face.box for face in faces], wanted, MIN_IOU) if wanted else []
    return scores[is_true], scores[~is_true], len(wanted), np.array([scores[k] for k in matches if k is not None])


if __name__ == "__main__":
    run(main)
