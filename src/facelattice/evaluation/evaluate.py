"""A model, or what any program wrote into files, measured on annotated faces.

evaluate("ibug68", Path("300W/helen/testset"), box="detector")
{"nme": 0.034, "failure_rate": 0.006, "auc": 0.58, "missed": 0, "faces": 157, ...}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import metrics
from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.evaluation.confidence import presence
from facelattice.evaluation.predict import BOXES, Predictions, ask
from facelattice.evaluation.prediction_files import is_prediction_file, load_predictions, match
from facelattice.evaluation.protocols import Protocol, choose
from facelattice.evaluation.provenance import provenance
from facelattice.evaluation.scores import Scores, nanmean, number, score, summary
from facelattice.exceptions import DataError
from facelattice.formats import atomic_write
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.schemes import Scheme


@dataclass(frozen=True, eq=False)
class Evaluation:
    """samples: the faces, as the data set has them.  answers, scores: what was said of them, and how far off it was.
    result: all the figures, as plain JSON."""

    samples: list[Sample]
    protocol: Protocol
    answers: Predictions
    scores: Scores
    result: dict[str, Any]


def evaluate(model: str, data: Path, *settings: Any, **more: Any) -> dict[str, Any]:
    """The figures of `run`, which takes the same arguments, as plain JSON."""
    return run(model, data, *settings, **more).result


def run(
    model: str,
    data: Path,
    box: str | None = None,
    subset: str | None = None,
    progress: Callable[[list[Any]], Any] = iter,
    protocol: str | None = None,
    seed: int = 0,
    with_presence: bool = False,
    scheme: Scheme | None = None,
) -> Evaluation:
    """NME, failure rate and AUC over the faces at ``data`` (`data.sources.read_samples`), and over its subsets.

    model: a bundled model, a model file, or predictions (`predictions.load_predictions`). box: where a model's boxes
    come from, "annotation" if not said (`answers.ask`); ``seed`` is that of noisy ones. protocol: one of
    `protocols.PROTOCOLS`; if not said, that of the data set. Means are over the faces found; a face not found, or in a
    image that cannot be read, is missed: a failure, and 0 in the AUC. ``with_presence`` also measures whether a
    model's score tells faces from none (`presence.presence`), which takes as long again. ``scheme`` is what predictions
    of as many points are taken for. Shares, not per cent.

    Raises DataError and ModelError for what the user can mend.
    """
    if box not in (None, *BOXES):
        raise ValueError(f"boxes come from one of {', '.join(BOXES)}, not from {box!r}")
    if is_prediction_file(Path(model)):
        if box is not None:
            raise DataError(f"{model} holds points already; where boxes come from can be said of a model only")
        source = Path(model)
        aligner = None
        predictions = load_predictions(source)
        faces = read_samples_for(predictions.scheme(scheme), data, subset)
        samples, seen = to_common_scheme(faces, predictions.scheme(faces[0].scheme))
        answers = match(predictions, seen)
    else:
        source = find_model(model)
        aligner = FaceAligner(source)
        faces = read_samples_for(aligner.model.scheme, data, subset)
        samples, seen = to_common_scheme(faces, aligner.model.scheme)
        answers = ask(aligner, seen, box or "annotation", seed, progress)
    head = {"model": answers.name, "data": str(data), "subset": subset, "made": provenance(source, samples)}
    evaluation = assess(samples, answers, choose(samples, protocol), head)
    if with_presence and aligner is not None:
        evaluation.result["presence"] = presence(aligner, seen, answers, progress)
    return evaluation


def assess(
    samples: list[Sample], answers: Predictions, protocol: Protocol, head: dict[str, Any], scheme: Scheme | None = None
) -> Evaluation:
    """The figures of answers to faces. ``head`` comes first in them; points are compared in ``scheme``, as `score`
    says."""
    scores = score(samples, answers, protocol, scheme)
    everything = np.ones(len(samples), bool)
    measured = np.isfinite(scores.errors)
    counts, answered = measured.sum(0), measured.any(1, keepdims=True)
    result = {
        **head,
        "box": answers.box,
        "protocol": protocol.name,
        "normalizer": protocol.normalizer,
        "threshold": protocol.threshold,
        "source": protocol.source,
        "scheme": scores.scheme.name,
        "points": int((counts > 0).sum()),
        "left_out": int((np.isfinite(scores.truth[..., 0]) & ~measured & answered & (counts > 0)).sum()),
        "boxed": int(scores.boxed.sum()),
        **summary(scores, everything, protocol.threshold),
        "subsets": {name: summary(scores, faces, protocol.threshold) for name, faces in subsets(samples).items()},
        "visibility": _visibility(scores),
        "rank_correlation": _ranks(scores),
        "unsure_tenth": _unsure(scores, protocol.threshold),
        "presence": None,
        "offset": [number(value) for value in nanmean(scores.offsets, 0)],
        "unreadable": answers.unreadable,
        "unmatched": answers.unmatched,
        "per_point": _per_point(scores),
        "each": _per_face(samples, scores),
    }
    return Evaluation(samples, protocol, answers, scores, result)


def subsets(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """The parts that the data set names, "blur" say, and which faces they hold, bool (M,); none that holds all."""
    names = dict.fromkeys(name for sample in samples for name in sample.attributes)
    parts = {name: np.array([sample.attributes.get(name, False) for sample in samples]) for name in names}
    return {name: faces for name, faces in parts.items() if not faces.all()}


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """folder/index.html and folder/result.json: both are made before either appears under its name."""
    from facelattice.evaluation.html_report import render

    page = render(evaluation)
    with atomic_write(folder / "result.json") as result, atomic_write(folder / "index.html") as html:
        json.dump(evaluation.result, result, indent=1)
        html.write(page)


def _per_point(scores: Scores) -> list[dict[str, Any]]:
    counts, offsets = np.isfinite(scores.errors).sum(0), scores.offsets
    return [
        {
            "point": i,
            "name": name,
            "faces": int(counts[i]),
            "nme": number(nanmean(scores.errors[:, i], 0)),
            "offset": [number(value) for value in offsets[i]],
        }
        for i, name in enumerate(scores.scheme.names)
    ]


def _per_face(samples: list[Sample], scores: Scores) -> list[dict[str, Any]]:
    figures = zip(samples, scores.nme, nanmean(scores.expected, 1), scores.sizes, strict=True)
    return [
        {
            "image": str(sample.path),
            "box": [round(float(v), 2) for v in sample.box],
            "nme": number(nme),
            "expected": number(expected),
            "measurable": bool(size > 0),
            "subsets": [name for name, member in sample.attributes.items() if member],
        }
        for sample, nme, expected, size in figures
    ]


def _visibility(scores: Scores) -> dict[str, Any] | None:
    """NME of hidden and of visible points apart, each the mean over the faces that have some; None where none are."""
    if not scores.hidden.any():
        return None
    parts = {"hidden": scores.hidden, "visible": ~scores.hidden}
    result = {}
    for name, part in parts.items():
        errors = np.where(part, scores.errors, np.nan)
        faces = nanmean(errors, 1)
        result[name] = {
            "points": int(np.isfinite(errors).sum()), "faces": int(np.isfinite(faces).sum()),
            "nme": number(nanmean(faces, 0)),
        }  # fmt: skip
    return result


def _unsure(scores: Scores, threshold: float) -> float | None:
    """The share of the failures (of the faces found) that lie in the tenth of the faces with the largest expected
    error; None where the program expects nothing, or nothing failed."""
    expected = nanmean(scores.expected, 1)
    known = np.isfinite(expected)
    failed = scores.nme[known] > threshold
    if not failed.any():
        return None
    tenth = np.argsort(-expected[known], kind="stable")[: -(-len(failed) // 10)]
    return float(failed[tenth].sum() / failed.sum())


def _ranks(scores: Scores) -> dict[str, float | None] | None:
    """How well expected errors rank the true ones, -1 to 1; None where the program expects nothing."""
    known = np.isfinite(scores.expected)
    if not known.any():
        return None
    faces = known.any(1)
    return {
        "points": number(metrics.rank_correlation(scores.expected[known], scores.errors[known])),
        "faces": number(metrics.rank_correlation(nanmean(scores.expected, 1)[faces], scores.nme[faces])),
    }
