"""Two programs on the same faces: how far apart they are, and how sure that is.

result = compare("ibug68", "other.csv", Path("300W/helen/testset"))
result["parts"]["all"]["nme"]
{"a": 0.033, "b": 0.036, "difference": -0.003, "low": -0.004, "high": -0.002, "verdict": "win"}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.evaluation.bootstrap import bootstrap, verdict
from facelattice.evaluation.evaluate import Evaluation, run, subsets
from facelattice.evaluation.prediction_files import is_prediction_file
from facelattice.evaluation.scores import Scores, nanmean, score
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme


def compare(a: str, b: str, data: Path, box: str | None = None, seed: int = 0, **settings: Any) -> dict[str, Any]:
    """A against B: models or predictions, measured as `report.run` does, which takes the same settings.

    Both are measured at the points that both give, over the faces that both were asked for. Of NME, "a" and "b" are the
    means over the faces that both found; failures are over all faces. "win" says that A is better, and that the 95 %
    interval of the paired bootstrap (`bootstrap.bootstrap`) does not hold 0. "parts" has "all", then the subsets, then
    "hidden points" and "visible points" where the data set tells them apart. Shares, not per cent.

    Raises DataError where there is no point, or no face, that both know.
    """
    first, second = _both((a, b), data, box, seed, settings)
    of_a, of_b = _together(first, second)
    joint = np.isfinite(of_a.errors) & np.isfinite(of_b.errors)
    errors = [np.where(joint, s.errors, np.nan) for s in (of_a, of_b)]
    nme = [nanmean(one, 1) for one in errors]
    # A face that only one of them found still counts as its failure or success, by the points that both know.
    alone = np.where(joint.any(1, keepdims=True), joint, joint.any(0))
    own = [nanmean(np.where(alone, s.errors, np.nan), 1) for s in (of_a, of_b)]
    missed = [~np.isfinite(one) for one in own]
    samples = [sample for sample, there in zip(first.samples, _shared(first, second)[0], strict=True) if there]
    threshold, everyone = first.protocol.threshold, of_a.measurable
    failures = [np.where(m, 1.0, one > threshold) for m, one in zip(missed, own, strict=True)]
    parts = {}
    for name, member in {"all": everyone, **subsets(samples)}.items():
        faces = member & everyone
        parts[name] = {
            "faces": int(faces.sum()),
            "nme": _difference(*(one[faces] for one in nme)),
            "failure_rate": _difference(*(one[faces] for one in failures)),
        }
    if of_a.hidden.any():
        for name, part in (("hidden points", of_a.hidden), ("visible points", ~of_a.hidden)):
            means = [nanmean(np.where(part, one, np.nan), 1) for one in errors]
            parts[name] = {"faces": int(np.isfinite(means[0]).sum()), "nme": _difference(*means), "failure_rate": None}
    return {
        "a": first.answers.name,
        "b": second.answers.name,
        "data": str(data),
        "box": {"a": first.answers.box, "b": second.answers.box},
        "protocol": first.protocol.name,
        "normalizer": first.protocol.normalizer,
        "threshold": threshold,
        "scheme": of_a.scheme.name,
        "points": int(np.isfinite(errors[0]).any(0).sum()),
        "missed": {"a": int(missed[0][everyone].sum()), "b": int(missed[1][everyone].sum())},
        "parts": parts,
        "unreadable": sorted({*first.answers.unreadable, *second.answers.unreadable}),
    }


def _both(
    programs: Sequence[str], data: Path, box: str | None, seed: int, settings: dict[str, Any]
) -> tuple[Evaluation, Evaluation]:
    """What `report.run` says of two programs; of a model first, as it knows what points are that a file only counts."""
    evaluations: dict[int, Evaluation] = {}
    scheme: Scheme | None = None
    for i in sorted((0, 1), key=lambda i: is_prediction_file(Path(programs[i]))):
        # A box source is for models; beside one, points that another program wrote are taken as they are.
        own = None if is_prediction_file(Path(programs[i])) else box
        evaluations[i] = run(programs[i], data, own, seed=seed, scheme=scheme, **settings)
        scheme = evaluations[i].answers.scheme
    return evaluations[0], evaluations[1]


def _shared(first: Evaluation, second: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """Which of each evaluation's faces the other was asked for too, bool."""
    keys = [[(sample.path, *sample.box.tolist()) for sample in evaluation.samples] for evaluation in (first, second)]
    return np.array([key in set(keys[1]) for key in keys[0]]), np.array([key in set(keys[0]) for key in keys[1]])


def _together(first: Evaluation, second: Evaluation) -> tuple[Scores, Scores]:
    """Both scored in the one of their schemes in which more points can be compared, over the faces of both."""
    shared = _shared(first, second)
    best: tuple[Scores, Scores] | None = None
    most = 0
    for scheme in {e.scores.scheme.name: e.scores.scheme for e in (first, second)}.values():
        try:
            pair = [score(e.samples, e.answers, first.protocol, scheme) for e in (first, second)]
        except ValueError:  # one of them does not convert to this scheme
            continue
        of_a, of_b = (one.only(faces) for one, faces in zip(pair, shared, strict=True))
        count = int((np.isfinite(of_a.errors) & np.isfinite(of_b.errors)).sum())
        if count > most:
            best, most = (of_a, of_b), count
    if best is None:
        raise DataError(f"{first.answers.name} and {second.answers.name} share no point on a face of these")
    return best


def _difference(a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    """Means and their difference over the faces (M,) that both have a figure for; None where there are none."""
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return None
    difference, low, high = bootstrap(a[None, both], b[None, both])
    return {
        "a": float(a[both].mean()), "b": float(b[both].mean()), "difference": difference, "low": low, "high": high,
        "verdict": verdict(low, high, "win", "loss"),
    }  # fmt: skip
