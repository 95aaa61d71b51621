"""Compare two programs on the same faces and landmarks, with the paired bootstrap.

Example:
    comparison = compare("ibug68", "other.csv", Path("300W/helen/testset"))
    comparison.subsets["all"].nme
    MetricComparison(a=0.033, b=0.036, difference=-0.003, low=-0.004, high=-0.002, verdict="win")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.datasets.sample import Sample
from facelattice.evaluation.bootstrap import paired_bootstrap
from facelattice.evaluation.evaluate import evaluate, find_subsets
from facelattice.evaluation.prediction_files import is_prediction_file
from facelattice.evaluation.protocols import Protocol
from facelattice.evaluation.result import EvaluationResult, to_plain
from facelattice.evaluation.scores import Scores, compute_scores
from facelattice.exceptions import DataError, SchemeError
from facelattice.metrics import nanmean
from facelattice.schemes import Scheme


@dataclass(frozen=True)
class MetricComparison:
    """One metric of A and of B.

    Attributes:
        a: Mean of A.
        b: Mean of B.
        difference: The difference ``a - b``.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end of the 95 % interval of the difference.
        verdict: "win" if A is better, "loss" if B is better, "tie" if the interval contains 0.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class SubsetComparison:
    """Metrics of A and of B on some faces or landmarks.

    Attributes:
        num_faces: Number of faces.
        nme: Over the faces that both programs found; None if there are none.
        failure_rate: Over all faces; None for occluded and visible landmarks.
    """

    num_faces: int
    nme: MetricComparison | None
    failure_rate: MetricComparison | None


@dataclass(frozen=True)
class ComparedProgram:
    """One of the two programs.

    Attributes:
        name: Name of the model or of the file of predictions.
        box_source: Description of the boxes that it was given.
        num_missed: Faces that it did not find.
    """

    name: str
    box_source: str
    num_missed: int


@dataclass(frozen=True, eq=False)
class ComparedFaces:
    """The compared faces.

    Attributes:
        samples: The annotated faces.
        truth: Annotated landmarks (M, N, 2), pixels, NaN where missing.
        predicted: Predicted landmarks of A and of B, each like ``truth``.
        nme: NME (M,) of A and of B over the landmarks that both predict; NaN if a face was missed.
    """

    samples: list[Sample]
    truth: np.ndarray
    predicted: tuple[np.ndarray, np.ndarray]
    nme: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two programs on the same faces.

    Attributes:
        a: The first program.
        b: The second program.
        data: Path of the dataset.
        subset: Name of the compared subset, None for all faces.
        protocol: Normalizing distance and threshold.
        scheme: Name of the scheme in which the landmarks are compared.
        num_points: Landmarks that both programs predict.
        subsets: "all", then the subsets that the dataset defines.
        occluded: Comparison on occluded landmarks; None if the dataset does not annotate occlusion.
        visible: Comparison on the other landmarks; None if the dataset does not annotate occlusion.
        unreadable: Error messages of images that could not be read.
        faces: The compared faces.
    """

    a: ComparedProgram
    b: ComparedProgram
    data: str
    subset: str | None
    protocol: Protocol
    scheme: str
    num_points: int
    subsets: dict[str, SubsetComparison]
    occluded: SubsetComparison | None
    visible: SubsetComparison | None
    unreadable: list[str]
    faces: ComparedFaces

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values for JSON, without the faces."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "faces"]
        return {name: to_plain(getattr(self, name)) for name in names}


def compare(
    a: str, b: str, data: Path, box: str | None = None, subset: str | None = None, **settings: Any
) -> Comparison:
    """Evaluate two programs and test whether they differ.

    Both are measured on the landmarks that both predict, and on the faces that are in the results of both.

    Args:
        a: A model or predictions, as in `evaluate`.
        b: The program to compare with.
        data: Annotated faces.
        box: Source of the boxes for models, as in `evaluate`.
        subset: Compare on this subset of the dataset only; None as in `evaluate`.
        **settings: Protocol, seed and progress of `evaluate`.

    Raises:
        DataError: If the programs share no landmark or no face.
    """
    first, second = _evaluate_both((a, b), data, box, subset, settings)
    shared = _shared_faces(first, second)
    scores = _common_scores(first, second, shared)
    joint = np.isfinite(scores[0].errors) & np.isfinite(scores[1].errors)
    errors = [np.where(joint, one.errors, np.nan) for one in scores]
    nme = [nanmean(one, 1) for one in errors]
    # A face that only one program found is measured for its failure rate on the landmarks that both predict elsewhere.
    points = np.where(joint.any(1, keepdims=True), joint, joint.any(0))
    face_nme = [nanmean(np.where(points, one.errors, np.nan), 1) for one in scores]
    missed = [~np.isfinite(one) for one in face_nme]
    threshold, measurable = first.protocol.threshold, scores[0].measurable
    failed = [np.where(miss, 1.0, one > threshold) for miss, one in zip(missed, face_nme, strict=True)]
    samples = [sample for sample, is_shared in zip(first.samples, shared[0], strict=True) if is_shared]
    subsets = {
        name: SubsetComparison(
            num_faces=int((faces & measurable).sum()),
            nme=_compare_means(*(one[faces & measurable] for one in nme)),
            failure_rate=_compare_means(*(one[faces & measurable] for one in failed)),
        )
        for name, faces in {"all": measurable, **find_subsets(samples)}.items()
    }
    occluded = scores[0].occluded
    programs = [
        ComparedProgram(one.predictions.name, one.box_source, int(miss[measurable].sum()))
        for one, miss in zip((first, second), missed, strict=True)
    ]
    return Comparison(
        a=programs[0],
        b=programs[1],
        data=str(data),
        subset=first.subset,
        protocol=first.protocol,
        scheme=scores[0].scheme.name,
        num_points=int(joint.any(0).sum()),
        subsets=subsets,
        occluded=_compare_points(errors, occluded) if occluded.any() else None,
        visible=_compare_points(errors, ~occluded) if occluded.any() else None,
        unreadable=sorted({*first.predictions.unreadable, *second.predictions.unreadable}),
        faces=ComparedFaces(
            samples, scores[0].truth, (scores[0].predicted, scores[1].predicted), (face_nme[0], face_nme[1])
        ),
    )


def _evaluate_both(
    programs: Sequence[str], data: Path, box: str | None, subset: str | None, settings: dict[str, Any]
) -> tuple[EvaluationResult, EvaluationResult]:
    """Evaluate two programs; models first, as their scheme is used for the landmarks in files."""
    results: dict[int, EvaluationResult] = {}
    scheme: Scheme | None = None
    for i in sorted((0, 1), key=lambda i: is_prediction_file(Path(programs[i]))):
        model_box = None if is_prediction_file(Path(programs[i])) else box
        results[i] = evaluate(programs[i], data, model_box, subset, scheme=scheme, **settings)
        scheme = results[i].predictions.scheme
    return results[0], results[1]


def _shared_faces(first: EvaluationResult, second: EvaluationResult) -> tuple[np.ndarray, np.ndarray]:
    """Return which faces of each result are also in the other, bool."""
    keys = [[(sample.path, *sample.box.tolist()) for sample in result.samples] for result in (first, second)]
    return np.array([key in set(keys[1]) for key in keys[0]]), np.array([key in set(keys[0]) for key in keys[1]])


def _common_scores(
    first: EvaluationResult, second: EvaluationResult, shared: tuple[np.ndarray, np.ndarray]
) -> tuple[Scores, Scores]:
    """Score the shared faces in that scheme of the two in which more landmarks can be compared."""
    best: tuple[Scores, Scores] | None = None
    most = 0
    for scheme in {result.scores.scheme.name: result.scores.scheme for result in (first, second)}.values():
        try:
            both = [
                compute_scores(result.samples, result.predictions, first.protocol, scheme).select(faces)
                for result, faces in zip((first, second), shared, strict=True)
            ]
        except SchemeError:  # one of them does not convert to this scheme
            continue
        count = int((np.isfinite(both[0].errors) & np.isfinite(both[1].errors)).sum())
        if count > most:
            best, most = (both[0], both[1]), count
    if best is None:
        names = f"{first.predictions.name} and {second.predictions.name}"
        raise DataError(f"{names} share no landmark on any face of the dataset")
    return best


def _compare_points(errors: Sequence[np.ndarray], points: np.ndarray) -> SubsetComparison:
    """Compare the NME over some landmarks, bool (M, N)."""
    nme = [nanmean(np.where(points, one, np.nan), 1) for one in errors]
    return SubsetComparison(int(np.isfinite(nme[0]).sum()), _compare_means(*nme), None)


def _compare_means(a: np.ndarray, b: np.ndarray) -> MetricComparison | None:
    """Compare the means of a and b, (M,), over the faces that have both; None if there are none."""
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return None
    difference = paired_bootstrap(a[None, both], b[None, both])
    mean_a, mean_b = float(a[both].mean()), float(b[both].mean())
    return MetricComparison(mean_a, mean_b, *difference, difference.verdict("win", "loss"))
