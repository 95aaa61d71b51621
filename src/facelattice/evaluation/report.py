"""A model file measured on annotated faces, with everything between the picture and the points.

evaluate("ibug68", Path("300W/helen/testset"), box="detector")
{"nme": 0.034, "failure_rate": 0.006, "auc": 0.66, "missed": 0, "faces": 157, ...}
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.aligner import FaceAligner
from facelattice.data.sample import DataError, Sample, assumed_scheme, to_scheme
from facelattice.data.sources import read_samples
from facelattice.evaluation import metrics
from facelattice.face import Face
from facelattice.pictures import PictureError, read_picture

THRESHOLD = 0.1  # a face with a larger NME is a failure, as on WFLW and COFW
SAME_FACE = 0.3  # overlap of a found box with the annotated one, from which on they are taken for the same face


def evaluate(
    model: str,
    data: Path,
    box: str = "annotation",
    subset: str | None = None,
    progress: Callable[[list[Sample]], Any] = iter,
) -> dict[str, Any]:
    """NME, failure rate and AUC at 10 %, over the faces at ``data`` (`data.sources.read_samples`).

    box: "annotation" gives the program the landmark box of each face; "detector" gives it the whole picture and nothing
    else, and takes the found face whose box overlaps the annotated one most. NME is over the distance of the outer eye
    corners (`metrics.face_size`), its mean over the faces found; a face not found, or in a picture that cannot be read,
    is missed: a failure, and 0 in the AUC. The annotation is converted to the model's scheme. Shares, not per cent.

    Raises DataError and ModelError for what the user can mend.
    """
    if box not in ("annotation", "detector"):
        raise ValueError(f"the box is from the annotation or the detector, not {box!r}")
    aligner = FaceAligner(model)
    scheme = aligner.model.scheme
    samples = to_scheme(read_samples(data, subset, assumed_scheme(scheme)), scheme, None)
    if not samples:
        raise DataError(f"{data}: no face shares a point with the model's scheme, {scheme.name}")
    errors, expected, unreadable = [], [], []
    for sample in progress(samples):
        try:
            face = _found(aligner, sample, box)
        except PictureError as error:
            unreadable.append(str(error))
            face = None
        if face is None:
            errors.append(np.nan)
            expected.append(np.nan)
            continue
        errors.append(metrics.nme(face.points, sample.points, scheme, sample.mask))
        size = metrics.face_size(sample.points, scheme, sample.mask)
        expected.append(float(face.errors[sample.mask].mean()) / size)
    values = np.array(errors)
    found = np.isfinite(values)
    return {
        "model": aligner.model.name,
        "data": str(data),
        "subset": subset,
        "box": box,
        "normaliser": "inter-ocular" if scheme.ocular else "box",
        "faces": len(samples),
        "missed": int((~found).sum()),
        "nme": float(values[found].mean()) if found.any() else None,
        "failure_rate": metrics.failure_rate(values, THRESHOLD),
        "auc": metrics.auc(values, THRESHOLD),
        "expected_nme": float(np.array(expected)[found].mean()) if found.any() else None,
        "unreadable": unreadable,
        "each": [
            {"image": str(sample.path), "nme": _or_none(error), "expected": _or_none(own)}
            for sample, error, own in zip(samples, errors, expected, strict=True)
        ],
    }


def _or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None


def _found(aligner: FaceAligner, sample: Sample, box: str) -> Face | None:
    picture = read_picture(sample.path)
    if box == "annotation":
        return aligner(picture, boxes=sample.box[None])[0]
    faces = aligner(picture)
    best = geometry.most_overlapping([face.box for face in faces], sample.box, SAME_FACE)
    return None if best is None else faces[best]
