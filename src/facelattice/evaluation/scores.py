"""Normalized errors of every landmark of every face, and their summary over any subset of the faces.

Example:
    scores = compute_scores(samples, predictions, protocol)
    scores.nme                             # (M,) NME of each face, NaN if it was missed
    summarize(scores, np.ones(M, bool), protocol.threshold).nme
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facelattice import metrics
from facelattice.datasets.sample import Sample, convert_values
from facelattice.evaluation.predict import Predictions
from facelattice.evaluation.protocols import Protocol, uses_box_fallback
from facelattice.exceptions import DataError
from facelattice.metrics import nanmean
from facelattice.schemes import Scheme, convert


@dataclass(frozen=True)
class Summary:
    """Metrics over a set of faces, as fractions, not per cent.

    Attributes:
        num_faces: Number of faces, including those below.
        num_unmeasurable: Faces without a normalizing distance. They are not part of any metric.
        num_missed: Faces that were not found, or whose image could not be read.
        nme: Mean NME of the faces that were found; None if there are none.
        failure_rate: Fraction of the faces that were missed or have an NME above the threshold of the protocol.
        auc: Area under the cumulative error curve up to the threshold, 0 to 1. A missed face counts as 0.
        expected_nme: Mean of the NME that the model predicts; None if it predicts none.
        ced: The cumulative error distribution: pairs of an NME, in steps of 0.5 % up to the threshold, and the fraction
            of the faces with at most this NME. Missed faces are above any NME.
    """

    num_faces: int
    num_unmeasurable: int
    num_missed: int
    nme: float | None
    failure_rate: float | None
    auc: float | None
    expected_nme: float | None
    ced: list[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Scores:
    """Errors of M faces with N landmarks.

    Attributes:
        scheme: Scheme in which annotations and predictions are compared.
        truth: (M, N, 2) annotated landmarks, pixels, NaN where missing.
        predicted: (M, N, 2) predicted landmarks, pixels, NaN where missing.
        errors: (M, N) distances divided by the normalizing distance of the face.
        expected_errors: (M, N) distances that the model predicts, normalized in the same way.
        occluded: Bool (M, N), landmarks that are annotated as occluded.
        annotated_visible: Bool (M, N), landmarks that are annotated as visible.
        visibility: (M, N) visibility that the model predicts, 0 to 1, NaN if it predicts none.
        normalizing_distances: (M,) pixels, NaN for faces without one, which cannot be measured.
        box_normalized: Bool (M,), faces whose eyes are not annotated, so that their box normalizes the errors.
    """

    scheme: Scheme
    truth: np.ndarray
    predicted: np.ndarray
    errors: np.ndarray
    expected_errors: np.ndarray
    occluded: np.ndarray
    annotated_visible: np.ndarray
    visibility: np.ndarray
    normalizing_distances: np.ndarray
    box_normalized: np.ndarray

    @property
    def nme(self) -> np.ndarray:
        """(M,) NME of each face, NaN if it was missed or cannot be measured."""
        return nanmean(self.errors, 1)

    @property
    def expected_nme(self) -> np.ndarray:
        """(M,) NME of each face that the model predicts, NaN if it predicts none."""
        return nanmean(self.expected_errors, 1)

    @property
    def offsets(self) -> np.ndarray:
        """(N, 2) median offset of each landmark from its annotation in x and y, normalized; NaN if never measured."""
        offsets = (self.predicted - self.truth) / self.normalizing_distances[:, None, None]
        measured = np.isfinite(offsets).all(2).any(0)
        offsets[:, ~measured] = 0  # nanmedian warns about columns of NaN
        return np.where(measured[:, None], np.nanmedian(offsets, 0), np.nan)

    @property
    def measurable(self) -> np.ndarray:
        """Bool (M,), faces that have a normalizing distance."""
        return np.isfinite(self.normalizing_distances)

    def select(self, faces: np.ndarray) -> Scores:
        """Return the scores of some faces, bool (M,)."""
        return Scores(
            self.scheme,
            self.truth[faces],
            self.predicted[faces],
            self.errors[faces],
            self.expected_errors[faces],
            self.occluded[faces],
            self.annotated_visible[faces],
            self.visibility[faces],
            self.normalizing_distances[faces],
            self.box_normalized[faces],
        )


def compute_scores(
    samples: Sequence[Sample], predictions: Predictions, protocol: Protocol, scheme: Scheme | None = None
) -> Scores:
    """Compare predictions with annotations.

    Args:
        samples: Annotated faces in the scheme of the dataset.
        predictions: One prediction for each sample.
        protocol: Defines the normalizing distance.
        scheme: Scheme in which to compare, by default `common_scheme`.

    Raises:
        DataError: If annotations and predictions share no landmark.
    """
    annotated = samples[0].scheme
    scheme = scheme or common_scheme(predictions.scheme, annotated)
    m, n = len(samples), len(scheme)
    truth, predicted = np.full((m, n, 2), np.nan), np.full((m, n, 2), np.nan)
    expected, visibility = np.full((m, n), np.nan), np.full((m, n), np.nan)
    occluded, visible = np.zeros((m, n), bool), np.zeros((m, n), bool)
    sizes, box_normalized = np.full(m, np.nan), np.zeros(m, bool)
    for i, (sample, prediction) in enumerate(zip(samples, predictions.faces, strict=True)):
        truth[i] = convert(np.where(sample.mask[:, None], sample.points, np.nan), sample.mask, annotated, scheme)[0]
        # Landmarks hidden by the face itself have flags but no position.
        occluded[i] = convert_values(sample.hidden, annotated, scheme) > 0
        visible[i] = convert_values(sample.visible, annotated, scheme) == 1
        sizes[i] = metrics.normalizing_distance(
            sample.points, annotated, sample.mask, protocol.normalizer, sample.dataset_box
        )
        box_normalized[i] = uses_box_fallback(sample, protocol.normalizer)
        if prediction is not None:
            known = np.isfinite(prediction.points).all(1)
            predicted[i] = convert(prediction.points, known, predictions.scheme, scheme)[0]
            if prediction.expected_errors is not None:
                expected[i] = convert_values(prediction.expected_errors, predictions.scheme, scheme, known)
            if prediction.visibility is not None:
                visibility[i] = convert_values(prediction.visibility, predictions.scheme, scheme, known)
    if not np.isfinite(truth).any():
        raise DataError(
            f"the scheme of the dataset, {annotated.name}, shares no landmark with {predictions.scheme.name}"
        )
    errors = metrics.distances(predicted, truth) / sizes[:, None]
    expected = np.where(np.isfinite(errors), expected / sizes[:, None], np.nan)
    return Scores(scheme, truth, predicted, errors, expected, occluded, visible, visibility, sizes, box_normalized)


def common_scheme(predicted: Scheme, annotated: Scheme) -> Scheme:
    """Choose the scheme in which more landmarks can be compared; if equal, that of the predictions.

    Raises:
        SchemeError: If neither scheme converts to the other.
    """

    def num_shared(source: Scheme, target: Scheme) -> int:
        return int(convert(np.zeros((len(source), 2)), np.ones(len(source), bool), source, target)[1].sum())

    return predicted if num_shared(annotated, predicted) >= num_shared(predicted, annotated) else annotated


def summarize(scores: Scores, faces: np.ndarray, threshold: float) -> Summary:
    """Compute the metrics of some faces.

    Args:
        scores: Errors of M faces.
        faces: Bool (M,), the faces to summarize.
        threshold: NME above which a face is a failure.
    """
    measured = faces & scores.measurable
    nme = scores.nme[measured]
    return Summary(
        num_faces=int(faces.sum()),
        num_unmeasurable=int((faces & ~measured).sum()),
        num_missed=int(np.isnan(nme).sum()),
        nme=finite_or_none(nanmean(nme, 0)),
        failure_rate=metrics.failure_rate(nme, threshold) if len(nme) else None,
        auc=metrics.auc(nme, threshold) if len(nme) else None,
        expected_nme=finite_or_none(nanmean(scores.expected_nme[measured], 0)),
        ced=metrics.cumulative_errors(nme, threshold) if len(nme) else [],
    )


def finite_or_none(value: float | np.ndarray) -> float | None:
    """Replace NaN by None, as JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
