"""Evaluate a model, or files of landmarks from another program, on annotated faces.

Example:
    result = evaluate("ibug68", Path("300W/helen/testset"), box="detector")
    result.nme, result.failure_rate, result.subsets
    json.dumps(result.to_dict())

docs/measuring.md explains every metric.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facelattice import metrics
from facelattice.datasets.readers.detect_layout import find_test_subset, read_samples_for
from facelattice.datasets.sample import Sample, to_common_scheme
from facelattice.evaluation.background_auroc import BackgroundAuroc, face_background_auroc
from facelattice.evaluation.predict import BOX_SOURCES, Predictions, Progress, predict_samples
from facelattice.evaluation.prediction_files import is_prediction_file, load_predictions, match_predictions
from facelattice.evaluation.protocols import Protocol, choose_protocol
from facelattice.evaluation.provenance import Provenance, collect_provenance
from facelattice.evaluation.result import (
    EvaluationResult,
    FaceResult,
    PointResult,
    RankCorrelation,
    VisibilityAuroc,
    VisibilitySummary,
)
from facelattice.evaluation.scores import Scores, compute_scores, finite_or_none, summarize
from facelattice.exceptions import ArgumentError
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.metrics import nanmean
from facelattice.schemes import Scheme


def evaluate(
    model: str,
    data: Path,
    box: str | None = None,
    subset: str | None = None,
    protocol: str | None = None,
    seed: int = 0,
    scheme: Scheme | None = None,
    with_background_auroc: bool = False,
    progress: Progress = iter,
    annotation_style: str | None = None,
) -> EvaluationResult:
    """Evaluate a model or a file of predictions on a dataset and on its subsets.

    Args:
        model: A bundled model, a model file, or predictions (`load_predictions`).
        data: Annotated faces in any layout that `read_samples` reads.
        box: Source of the boxes for a model, see `predict_samples`; None is "annotation".
        subset: Evaluate this subset of the dataset only; None for the test faces if the dataset separates training and
            test faces, otherwise for all faces.
        protocol: A key of `PROTOCOLS`; None is the protocol of the dataset.
        seed: Seed of noisy boxes.
        scheme: Scheme of predictions with this number of landmarks; None infers it from their number.
        with_background_auroc: Also compute `face_background_auroc` of a model, which doubles the time.
        progress: Wraps the list of images, to show progress.
        annotation_style: Annotation style that the model imitates; None for that of the protocol's benchmark if the
            model has it, otherwise for the mean of its styles.

    Raises:
        DataError: If the dataset or the predictions cannot be read, or do not fit together.
        ModelError: If the model cannot be loaded.
        ArgumentError: If ``box`` is unknown, or was given with a file of predictions; or the model does not have the
            annotation style.
    """
    if box not in (None, *BOX_SOURCES):
        raise ArgumentError(f"unknown box source {box!r}; choose one of {', '.join(BOX_SOURCES)}")
    aligner = None
    if is_prediction_file(Path(model)):
        for name, value in (("--box", box), ("--annotation-style", annotation_style)):
            if value is not None:
                raise ArgumentError(f"{model} contains predictions; {name} is only for models")
        source = Path(model)
        file = load_predictions(source, data)
        subset = subset or find_test_subset(data)
        annotated = read_samples_for(file.scheme(scheme), data, subset)
        samples, converted = to_common_scheme(annotated, file.scheme(annotated[0].scheme))
        chosen_protocol = choose_protocol(samples, protocol)
        predictions = match_predictions(file, converted)
    else:
        source = find_model(model)
        aligner = FaceAligner(source)
        subset = subset or find_test_subset(data)
        annotated = read_samples_for(aligner.model.scheme, data, subset)
        samples, converted = to_common_scheme(annotated, aligner.model.scheme)
        chosen_protocol = choose_protocol(samples, protocol)
        style = annotation_style or chosen_protocol.annotation_style
        if annotation_style is not None or style in aligner.model.info.annotation_styles:
            aligner = FaceAligner(Model(source, annotation_style=style))
        predictions = predict_samples(aligner, converted, box or "annotation", seed, progress)
    background_auroc = None
    if with_background_auroc and aligner is not None:
        background_auroc = face_background_auroc(aligner, converted, predictions, progress)
    return evaluate_predictions(
        samples,
        predictions,
        chosen_protocol,
        data=str(data),
        subset=subset,
        background_auroc=background_auroc,
        provenance=collect_provenance(source, samples),
    )


def evaluate_predictions(
    samples: list[Sample],
    predictions: Predictions,
    protocol: Protocol,
    data: str = "",
    subset: str | None = None,
    background_auroc: BackgroundAuroc | None = None,
    provenance: Provenance | None = None,
) -> EvaluationResult:
    """Compute all metrics of predictions.

    Args:
        samples: Annotated faces in the scheme of the dataset.
        predictions: One prediction for each sample.
        protocol: Normalizing distance and threshold.
        data: Path of the dataset, for the report.
        subset: Name of the evaluated subset, for the report.
        background_auroc: AUROC of the score, for the report.
        provenance: Command, versions and digests, for the report.
    """
    scores = compute_scores(samples, predictions, protocol)
    measured = np.isfinite(scores.errors)
    num_measured, found = measured.sum(0), measured.any(1, keepdims=True)
    omitted = np.isfinite(scores.truth[..., 0]) & ~measured & found & (num_measured > 0)
    occluded, visible = _summarize_visibility(scores)
    overall = summarize(scores, np.ones(len(samples), bool), protocol.threshold)
    return EvaluationResult(
        **dataclasses.asdict(overall),
        model=predictions.name,
        data=data,
        subset=subset,
        box_source=predictions.box_source,
        protocol=protocol,
        scores=scores,
        samples=samples,
        predictions=predictions,
        num_points=int((num_measured > 0).sum()),
        num_omitted_points=int(omitted.sum()),
        num_box_normalized=int(scores.box_normalized.sum()),
        subsets={name: summarize(scores, faces, protocol.threshold) for name, faces in find_subsets(samples).items()},
        occluded=occluded,
        visible=visible,
        rank_correlation=_correlate_errors(scores),
        visibility_auroc=_visibility_auroc(scores),
        failures_in_uncertain_decile=_failures_in_uncertain_decile(scores, protocol.threshold),
        background_auroc=background_auroc,
        offset=_finite_pair(nanmean(scores.offsets, 0)),
        points=_point_results(scores),
        faces=_face_results(samples, scores),
        provenance=provenance,
    )


def find_subsets(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Return the subsets that the dataset defines, such as "blur", as bool (M,); without those of all faces."""
    names = dict.fromkeys(name for sample in samples for name in sample.attributes)
    subsets = {name: np.array([sample.attributes.get(name, False) for sample in samples]) for name in names}
    return {name: faces for name, faces in subsets.items() if not faces.all()}


def _point_results(scores: Scores) -> list[PointResult]:
    num_faces, errors, offsets = np.isfinite(scores.errors).sum(0), nanmean(scores.errors, 0), scores.offsets
    return [
        PointResult(i, name, int(num_faces[i]), finite_or_none(errors[i]), _finite_pair(offsets[i]))
        for i, name in enumerate(scores.scheme.names)
    ]


def _face_results(samples: list[Sample], scores: Scores) -> list[FaceResult]:
    return [
        FaceResult(
            image=str(sample.path),
            box=[round(float(value), 2) for value in sample.box],
            nme=finite_or_none(nme),
            expected_nme=finite_or_none(expected),
            measurable=bool(measurable),
            subsets=[name for name, member in sample.attributes.items() if member],
        )
        for sample, nme, expected, measurable in zip(
            samples, scores.nme, scores.expected_nme, scores.measurable, strict=True
        )
    ]


def _finite_pair(values: np.ndarray) -> tuple[float | None, float | None]:
    return finite_or_none(values[0]), finite_or_none(values[1])


def _summarize_visibility(scores: Scores) -> tuple[VisibilitySummary | None, VisibilitySummary | None]:
    """Summarize the occluded and the visible landmarks; None if no landmark is annotated as occluded."""
    if not (scores.occluded & np.isfinite(scores.truth[..., 0])).any():
        return None, None
    summaries = []
    for points in (scores.occluded, ~scores.occluded):
        errors = np.where(points, scores.errors, np.nan)
        faces = nanmean(errors, 1)
        num_faces, num_points = int(np.isfinite(faces).sum()), int(np.isfinite(errors).sum())
        summaries.append(VisibilitySummary(num_faces, num_points, finite_or_none(nanmean(faces, 0))))
    return summaries[0], summaries[1]


def _failures_in_uncertain_decile(scores: Scores, threshold: float) -> float | None:
    expected = scores.expected_nme
    known = np.isfinite(expected)
    failed = scores.nme[known] > threshold
    if not failed.any():
        return None
    decile = np.argsort(-expected[known], kind="stable")[: -(-len(failed) // 10)]
    return float(failed[decile].sum() / failed.sum())


def _correlate_errors(scores: Scores) -> RankCorrelation | None:
    known = np.isfinite(scores.expected_errors)
    if not known.any():
        return None
    faces = known.any(1)
    return RankCorrelation(
        points=finite_or_none(metrics.rank_correlation(scores.expected_errors[known], scores.errors[known])),
        faces=finite_or_none(metrics.rank_correlation(scores.expected_nme[faces], scores.nme[faces])),
    )


def _visibility_auroc(scores: Scores) -> VisibilityAuroc | None:
    known, placed = np.isfinite(scores.visibility), np.isfinite(scores.truth[..., 0])
    visible = scores.visibility[known & scores.annotated_visible]
    occluded = scores.visibility[known & scores.occluded & placed]
    self_occluded = scores.visibility[known & scores.occluded & ~placed]
    if len(visible) == 0 or len(occluded) + len(self_occluded) == 0:
        return None
    return VisibilityAuroc(
        occluded=metrics.auroc(visible, occluded) if len(occluded) else None,
        self_occluded=metrics.auroc(visible, self_occluded) if len(self_occluded) else None,
        num_occluded=len(occluded),
        num_self_occluded=len(self_occluded),
        num_visible=len(visible),
    )
