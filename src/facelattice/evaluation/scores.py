"""Errors of every point of every face, and what they come to over any part of the faces.

scores = score(samples, answers, protocol)
scores.nme                             # (M,) of each face, NaN where it was missed
summary(scores, np.ones(M, bool), protocol.threshold)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facelattice import metrics
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import Predictions
from facelattice.evaluation.protocols import Protocol, stands_in
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme, convert


@dataclass(frozen=True, eq=False)
class Scores:
    """Of M faces with N points of ``scheme``, the one that annotation and answers are compared in.

    truth, found: (M, N, 2), pixels, NaN where missing.  errors: (M, N), distances between them as shares of the face's
    size.  expected: the same, as the program itself said.  hidden: bool (M, N), points that the data set says are
    covered.  sizes: (M,), pixels, NaN for a face without a size, whose errors cannot be measured.  boxed: bool (M,),
    faces that were divided by their box because their eyes are not annotated.
    """

    scheme: Scheme
    truth: np.ndarray
    found: np.ndarray
    errors: np.ndarray
    expected: np.ndarray
    hidden: np.ndarray
    sizes: np.ndarray
    boxed: np.ndarray

    @property
    def nme(self) -> np.ndarray:
        """(M,), the mean over each face's points; NaN for a face that was missed or has no size."""
        return nanmean(self.errors, 1)

    @property
    def offsets(self) -> np.ndarray:
        """(N, 2), how far right of and below its annotation each point lies as a rule, the median over the faces as a
        share of their size; NaN where none was measured."""
        apart = (self.found - self.truth) / self.sizes[:, None, None]
        measured = np.isfinite(apart).all(2).any(0)
        apart[:, ~measured] = 0  # a median of nothing warns
        return np.where(measured[:, None], np.nanmedian(apart, 0), np.nan)

    @property
    def measurable(self) -> np.ndarray:
        """bool (M,), the faces that have a size to divide by."""
        return np.isfinite(self.sizes)

    def only(self, faces: np.ndarray) -> Scores:
        """The scores of some of the faces, bool (M,)."""
        return Scores(
            self.scheme, self.truth[faces], self.found[faces], self.errors[faces], self.expected[faces],
            self.hidden[faces], self.sizes[faces], self.boxed[faces],
        )  # fmt: skip


def score(samples: Sequence[Sample], answers: Predictions, protocol: Protocol, scheme: Scheme | None = None) -> Scores:
    """Compare answers with the annotation, ``samples`` as the data set has them, in ``scheme``.

    If that is not said, it is the program's or the data set's scheme, whichever shares more points with the other.
    Raises DataError where there is no point to compare.
    """
    own = samples[0].scheme
    scheme = scheme or common_scheme(answers.scheme, own)
    m, n = len(samples), len(scheme)
    truth, found = np.full((m, n, 2), np.nan), np.full((m, n, 2), np.nan)
    expected, hidden = np.full((m, n), np.nan), np.zeros((m, n), bool)
    sizes, boxed = np.full(m, np.nan), np.zeros(m, bool)
    for i, (sample, answer) in enumerate(zip(samples, answers.each, strict=True)):
        truth[i] = convert(np.where(sample.mask[:, None], sample.points, np.nan), sample.mask, own, scheme)[0]
        covered = np.repeat(sample.hidden[:, None], 2, 1)
        hidden[i] = convert(covered, sample.mask, own, scheme)[0][:, 0] > 0
        sizes[i] = metrics.normalizing_distance(sample.points, own, sample.mask, protocol.normalizer, sample.dataset_box)
        boxed[i] = stands_in(sample, protocol.normalizer)
        if answer is not None:
            known = np.isfinite(answer.points).all(1)
            found[i] = convert(answer.points, known, answers.scheme, scheme)[0]
            if answer.expected_errors is not None:
                both = np.repeat(answer.expected_errors[:, None], 2, 1)
                expected[i] = convert(both, known, answers.scheme, scheme)[0][:, 0]
    if not np.isfinite(truth).any():
        raise DataError(f"the data's scheme, {own.name}, shares no annotated point with {answers.scheme.name}")
    errors = metrics.distances(found, truth) / sizes[:, None]
    expected = np.where(np.isfinite(errors), expected / sizes[:, None], np.nan)
    return Scores(scheme, truth, found, errors, expected, hidden, sizes, boxed)


def common_scheme(asked: Scheme, annotated: Scheme) -> Scheme:
    """The scheme of the two that knows more of the other's points; raises ValueError where neither converts."""

    def shared(source: Scheme, target: Scheme) -> int:
        return int(convert(np.zeros((len(source), 2)), np.ones(len(source), bool), source, target)[1].sum())

    return asked if shared(annotated, asked) >= shared(asked, annotated) else annotated


def summary(scores: Scores, faces: np.ndarray, threshold: float) -> dict[str, Any]:
    """What the errors come to over some of the faces, bool (M,), as plain numbers: shares, not per cent.

    The means are over the faces found; a missed face is a failure, and 0 in the AUC. Faces without a size are counted,
    and take no part in anything.
    """
    measured = faces & scores.measurable
    nme, expected = scores.nme[measured], nanmean(scores.expected, 1)[measured]
    return {
        "faces": int(faces.sum()),
        "not_measurable": int((faces & ~measured).sum()),
        "missed": int(np.isnan(nme).sum()),
        "nme": number(nanmean(nme, 0)),
        "failure_rate": number(metrics.failure_rate(nme, threshold)) if len(nme) else None,
        "auc": number(metrics.auc(nme, threshold)) if len(nme) else None,
        "expected_nme": number(nanmean(expected, 0)),
    }


def nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean along an axis of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0).sum(axis) / np.where(count > 0, count, np.nan)


def number(value: float | np.ndarray) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
