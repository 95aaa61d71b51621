"""Read landmarks that another program wrote, to evaluate them like the predictions of a model.

Example:
    file = load_predictions(Path("points.csv"))      # CSV, COCO JSON, dlib XML, a folder of .pts or .json files
    predictions = match_predictions(file, samples)
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import MATCH_IOU, FacePrediction, Predictions, match_boxes
from facelattice.exceptions import DataError
from facelattice.formats import read_coco, read_csv, read_dlib_xml, read_json, read_pts
from facelattice.schemes import SCHEMES, Scheme

SUFFIXES = (".csv", ".json", ".xml")
SINGLE_FACE_IOU = 1e-6  # smallest IoU if an image has one prediction and one annotated face


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """Faces read from a file or folder.

    Attributes:
        path: The file or folder.
        num_points: Number of landmarks of every face.
        faces: Resolved path of the image, and the prediction.
        paths_are_stems: True for .pts files, which do not name their image: each path is that of the .pts file
            without its suffix.
    """

    path: Path
    num_points: int
    faces: list[tuple[Path, FacePrediction]]
    paths_are_stems: bool

    def scheme(self, annotated: Scheme | None = None) -> Scheme:
        """Infer the point scheme from the number of landmarks.

        Args:
            annotated: Scheme of the dataset, which is preferred to the built-in schemes.

        Returns:
            The scheme with this number of points, or a scheme of unnamed points.
        """
        for known in (annotated, *SCHEMES.values()):
            if known is not None and len(known) == self.num_points:
                return known
        return Scheme.from_dict({"name": f"{self.num_points} points", "points": self.num_points})


def is_prediction_file(path: Path) -> bool:
    """Return True for a folder or a file that `load_predictions` reads, False for a model."""
    return path.is_dir() or (path.suffix.lower() in SUFFIXES and path.exists())


def load_predictions(path: Path) -> PredictionFile:
    """Read all faces of a file or folder.

    Raises:
        DataError: There are no faces, or they differ in their number of landmarks.
        FormatError: A file is damaged.
    """
    from_pts = path.is_dir() and any(path.rglob("*.pts"))
    if from_pts:
        files = sorted(path.rglob("*.pts"))
        faces = [(file.resolve().with_suffix(""), FacePrediction(read_pts(file), None)) for file in files]
    else:
        files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
        faces = [face for file in files for face in _read_file(file)]
    counts = Counter(len(prediction.points) for _, prediction in faces)
    if not counts:
        raise DataError(
            f"{path}: contains no landmarks; expected a .csv, .json or .xml file, or a folder of .pts or .json"
        )
    if len(counts) > 1:
        numbers = " and ".join(map(str, sorted(counts)))
        raise DataError(f"{path}: contains faces with {numbers} points; evaluate them separately")
    return PredictionFile(path, next(iter(counts)), faces, from_pts)


def match_predictions(file: PredictionFile, samples: Sequence[Sample]) -> Predictions:
    """Assign predictions from a file to annotated faces.

    Images are matched by path, or by file name if exactly one image has that name. Within an image, predictions and
    annotations are matched one to one by the IoU of their boxes. If an image has one prediction and one annotated face,
    any overlap is enough.

    Args:
        file: The predictions.
        samples: Annotated faces, converted to the scheme of the predictions.

    Returns:
        Predictions in the order of ``samples``.

    Raises:
        DataError: No image of the file is in the dataset.
    """
    images: dict[Path, list[int]] = {}
    for i, sample in enumerate(samples):
        images.setdefault(sample.path.resolve(), []).append(i)
    matched = _match_images([path for path, _ in file.faces], list(images), file.paths_are_stems)
    by_image: dict[Path, list[FacePrediction]] = {}
    for image, (_, prediction) in zip(matched, file.faces, strict=True):
        if image is not None:
            by_image.setdefault(image, []).append(prediction)
    if not by_image:
        raise DataError(
            f"{file.path}: none of its images ({file.faces[0][0].name}, ...) is in the dataset "
            f"({samples[0].path.name}, ...)"
        )
    faces: list[FacePrediction | None] = [None] * len(samples)
    for image, predictions in by_image.items():
        predictions = [prediction for prediction in predictions if np.isfinite(prediction.points).all(1).any()]
        boxes = [geometry.face_box(prediction.points) for prediction in predictions]
        indices = images[image]
        min_iou = SINGLE_FACE_IOU if len(predictions) == len(indices) == 1 else MATCH_IOU
        for i, k in zip(indices, match_boxes(boxes, [samples[i].box for i in indices], min_iou), strict=True):
            faces[i] = None if k is None else predictions[k]
    num_unmatched = sum(image is None for image in matched)
    return Predictions(file.path.name, samples[0].scheme, "predictions", faces, [], num_unmatched)


def _read_file(path: Path) -> list[tuple[Path, FacePrediction]]:
    rows: Sequence[Any]
    if path.suffix.lower() == ".csv":
        rows = read_csv(path)
    elif path.suffix.lower() == ".xml":
        rows = read_dlib_xml(path)
    elif _is_coco(path):
        rows = read_coco(path)
    else:
        return [
            (_resolve(path, image), FacePrediction(points, expected_errors))
            for image, points, _, expected_errors in read_json(path)
        ]
    return [
        (_resolve(path, image), FacePrediction(np.where(mask[:, None], points, np.nan).astype(np.float32), None))
        for image, points, mask, *_ in rows
    ]


def _resolve(path: Path, image: str) -> Path:
    return (path.parent / image).resolve()


def _is_coco(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except ValueError:
        return False  # read_json raises the error
    return isinstance(content, dict) and "annotations" in content


def _match_images(predicted: list[Path], images: list[Path], are_stems: bool) -> list[Path | None]:
    """Return the image of each predicted path, None if it is missing or ambiguous."""
    keys = {image: image for image in images}
    if are_stems:  # `align` writes STEM_K.pts, other programs STEM.pts, and STEM itself may end in a number
        keys = {image.with_suffix(""): image for image in images}
        names = {key.name for key in keys}
        cut = [path.with_name(re.sub(r"_\d+$", "", path.name)) for path in predicted]
        if sum(path.name in names for path in cut) > sum(path.name in names for path in predicted):
            predicted = cut
    num_predicted = Counter(path.name for path in set(predicted))
    num_images = Counter(key.name for key in keys)
    by_name = {key.name: image for key, image in keys.items() if num_images[key.name] == 1}
    return [keys.get(path) or (by_name.get(path.name) if num_predicted[path.name] == 1 else None) for path in predicted]
