"""Points that some program wrote into files, as answers to annotated faces: so anything can be measured.

predictions = load_predictions(Path("found"))        # CSV, COCO JSON, dlib XML, a folder of .pts or of .json
answers = match(predictions, samples)
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
from facelattice.evaluation.predict import MATCH_IOU, Answer, Predictions, pair
from facelattice.exceptions import DataError
from facelattice.formats import read_coco, read_csv, read_dlib_xml, read_json, read_pts
from facelattice.schemes import SCHEMES, Scheme

SUFFIXES = (".csv", ".json", ".xml")
TOUCH = 1e-6  # overlap from which on an image's only points can be meant for its only face


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """path: where they were read from. points: how many a face has. faces: the image of each, resolved, and its
    answer; ``stems``: of .pts files, which name no image, it is the file without its suffix."""

    path: Path
    points: int
    faces: list[tuple[Path, Answer]]
    stems: bool

    def scheme(self, annotated: Scheme | None = None) -> Scheme:
        """What the points mean, by their number: the data's scheme, a built-in one, or points without a meaning."""
        for known in (annotated, *SCHEMES.values()):
            if known is not None and len(known) == self.points:
                return known
        return Scheme.from_dict({"name": f"{self.points} points", "points": self.points})


def is_prediction_file(path: Path) -> bool:
    """True for a folder or a file of a kind that `load_predictions` takes, not a model."""
    return path.is_dir() or (path.suffix.lower() in SUFFIXES and path.exists())


def load_predictions(path: Path) -> PredictionFile:
    """All the faces in a file or folder. Raises DataError where there are none, or they differ in their points."""
    stems = path.is_dir() and any(path.rglob("*.pts"))
    try:
        if stems:
            faces = [
                (pts.resolve().with_suffix(""), Answer(read_pts(pts), None)) for pts in sorted(path.rglob("*.pts"))
            ]
        else:
            files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
            faces = [face for file in files for face in _read_file(file)]
    except DataError:
        raise
    except ValueError as error:
        raise DataError(str(error)) from error
    counts = Counter(len(answer.points) for _, answer in faces)
    if not counts:
        raise DataError(f"{path}: no points in it; looked for a .csv, .json or .xml file, or a folder of .pts or .json")
    if len(counts) > 1:
        raise DataError(f"{path}: faces of {' and '.join(map(str, sorted(counts)))} points; measure them one by one")
    return PredictionFile(path, next(iter(counts)), faces, stems)


def _read_file(path: Path) -> list[tuple[Path, Answer]]:
    rows: Sequence[Any]
    if path.suffix.lower() == ".csv":
        rows = read_csv(path)
    elif path.suffix.lower() == ".xml":
        rows = read_dlib_xml(path)
    elif _is_coco(path):
        rows = read_coco(path)
    else:
        return [(_seen_by(path, image), Answer(points, errors)) for image, points, _, errors in read_json(path)]
    return [
        (_seen_by(path, image), Answer(np.where(mask[:, None], points, np.nan).astype(np.float32), None))
        for image, points, mask, *_ in rows
    ]


def _seen_by(path: Path, image: str) -> Path:
    return (path.parent / image).resolve()


def _is_coco(path: Path) -> bool:
    try:
        head = json.loads(path.read_text(encoding="utf-8-sig", errors="surrogateescape"))
    except ValueError:
        return False  # read_json says what is wrong with it
    return isinstance(head, dict) and "annotations" in head


def match(predictions: PredictionFile, samples: Sequence[Sample]) -> Predictions:
    """The answers to the faces of ``samples``, which are in the predictions' scheme; None where a face has none.

    Images are found by their path, else by their name where only one has it. Within an image points and faces are
    paired one to one by the overlap of their boxes; an image's only points belong to its only face if they touch it.
    Raises DataError where no image is known.
    """
    images: dict[Path, list[int]] = {}
    for i, sample in enumerate(samples):
        images.setdefault(sample.path.resolve(), []).append(i)
    named = _match_images([path for path, _ in predictions.faces], list(images), predictions.stems)
    given: dict[Path, list[Answer]] = {}
    for image, (_, answer) in zip(named, predictions.faces, strict=True):
        if image is not None:
            given.setdefault(image, []).append(answer)
    if not given:
        raise DataError(
            f"{predictions.path}: none of its images ({predictions.faces[0][0].name}, ...) is one of the data's "
            f"({samples[0].path.name}, ...)"
        )
    each: list[Answer | None] = [None] * len(samples)
    for image, answers in given.items():
        known = [answer for answer in answers if np.isfinite(answer.points).all(1).any()]
        found = [geometry.face_box(answer.points) for answer in known]
        places = images[image]
        least = TOUCH if len(known) == len(places) == 1 else MATCH_IOU
        for i, k in zip(places, pair(found, [samples[i].box for i in places], least), strict=True):
            each[i] = None if k is None else known[k]
    return Predictions(
        predictions.path.name, samples[0].scheme, "predictions", each, [], unmatched=sum(p is None for p in named)
    )


def _match_images(wanted: list[Path], images: list[Path], stems: bool) -> list[Path | None]:
    """For each wanted path the image that it names, None for one that is not there or could be several."""
    keys = {image: image for image in images}
    if stems:  # `align` writes STEM_K.pts, other programs STEM.pts, and STEM itself may end in a number
        keys = {image.with_suffix(""): image for image in images}
        names = {key.name for key in keys}
        cut = [path.with_name(re.sub(r"_\d+$", "", path.name)) for path in wanted]
        if sum(path.name in names for path in cut) > sum(path.name in names for path in wanted):
            wanted = cut
    asked = Counter(path.name for path in set(wanted))
    there = Counter(key.name for key in keys)
    by_name = {key.name: image for key, image in keys.items() if there[key.name] == 1}
    return [keys.get(path) or (by_name.get(path.name) if asked[path.name] == 1 else None) for path in wanted]
