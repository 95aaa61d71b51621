"""Results of an evaluation, as dataclasses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from facelattice.datasets.sample import Sample
from facelattice.evaluation.background_auroc import BackgroundAuroc
from facelattice.evaluation.predict import Predictions
from facelattice.evaluation.protocols import Protocol
from facelattice.evaluation.provenance import Provenance
from facelattice.evaluation.scores import Scores, Summary


@dataclass(frozen=True)
class VisibilitySummary:
    """NME of only the occluded or only the visible landmarks.

    Attributes:
        num_faces: Faces that have such landmarks.
        num_points: Measured landmarks of these faces.
        nme: Mean over the faces; None if there are none.
    """

    num_faces: int
    num_points: int
    nme: float | None


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of expected and true errors, -1 to 1; None if one of them does not vary.

    Attributes:
        points: Over all landmarks of all faces.
        faces: Over the means of the faces.
    """

    points: float | None
    faces: float | None


@dataclass(frozen=True)
class VisibilityAuroc:
    """AUROC of the predicted visibility: the probability that a visible landmark has a higher one than a hidden one.

    Attributes:
        occluded: For landmarks hidden by an object, with annotated position; None if there are none.
        self_occluded: For landmarks hidden by the face itself, without annotated position; None if there are none.
        num_occluded: Number of landmarks hidden by an object.
        num_self_occluded: Number of landmarks hidden by the face itself.
        num_visible: Number of landmarks that are annotated as visible.
    """

    occluded: float | None
    self_occluded: float | None
    num_occluded: int
    num_self_occluded: int
    num_visible: int


@dataclass(frozen=True)
class PointResult:
    """Errors of one landmark.

    Attributes:
        index: Index of the landmark in the scheme.
        name: Name of the landmark.
        num_faces: Faces in which it was measured.
        nme: Mean normalized error.
        offset: Median offset from the annotation in x and y, normalized.
    """

    index: int
    name: str
    num_faces: int
    nme: float | None
    offset: tuple[float | None, float | None]


@dataclass(frozen=True)
class FaceResult:
    """Errors of one face.

    Attributes:
        image: Path of the image.
        box: Landmark box, pixels.
        nme: None if the face was missed or cannot be measured.
        expected_nme: The NME that the model predicts.
        measurable: True if the face has a normalizing distance.
        subsets: Names of the subsets that contain the face.
    """

    image: str
    box: list[float]
    nme: float | None
    expected_nme: float | None
    measurable: bool
    subsets: list[str]


@dataclass(frozen=True, eq=False)
class EvaluationResult(Summary):
    """All metrics of one evaluation; the fields of `Summary` are those of all faces.

    Attributes:
        model: Name of the model or of the file of predictions.
        data: Path of the dataset.
        subset: Name of the evaluated subset, None for all faces.
        box_source: Description of the boxes that the model was given.
        protocol: Normalizing distance and threshold.
        scores: Errors of every landmark of every face.
        samples: The annotated faces.
        predictions: The predictions, in the order of ``samples``.
        num_points: Landmarks of the scheme that were measured.
        num_omitted_points: Annotated landmarks of found faces that the program did not predict.
        num_box_normalized: Faces whose eyes are not annotated, so that their box normalizes the errors.
        subsets: Metrics of the subsets that the dataset defines.
        occluded: Metrics of the occluded landmarks; None if the dataset does not annotate occlusion.
        visible: Metrics of the other landmarks; None if the dataset does not annotate occlusion.
        rank_correlation: Rank correlation of expected and true errors; None if the program predicts no errors.
        visibility_auroc: AUROC of the predicted visibility; None if the program predicts none or the dataset does not
            annotate it.
        failures_in_uncertain_decile: Fraction of the failures (of found faces) among the 10 % of the faces with the
            largest expected error; None if nothing failed or the program predicts no errors.
        background_auroc: See `face_background_auroc`; None if it was not measured.
        offset: Mean over the landmarks of their median offset in x and y, normalized.
        points: Results of each landmark.
        faces: Results of each face.
        provenance: Command, versions and files of the evaluation; None for `evaluate_predictions` without it.
    """

    model: str
    data: str
    subset: str | None
    box_source: str
    protocol: Protocol
    scores: Scores
    samples: list[Sample]
    predictions: Predictions
    num_points: int
    num_omitted_points: int
    num_box_normalized: int
    subsets: dict[str, Summary]
    occluded: VisibilitySummary | None
    visible: VisibilitySummary | None
    rank_correlation: RankCorrelation | None
    visibility_auroc: VisibilityAuroc | None
    failures_in_uncertain_decile: float | None
    background_auroc: BackgroundAuroc | None
    offset: tuple[float | None, float | None]
    points: list[PointResult]
    faces: list[FaceResult]
    provenance: Provenance | None

    @property
    def table(self) -> dict[str, Summary]:
        """The metrics of all evaluated faces, named like the evaluated subset or "all", and of the subsets."""
        return {self.subset or "all": self, **self.subsets}

    def to_dict(self) -> dict[str, Any]:
        """Return all metrics as plain values for JSON; docs/measuring.md documents the keys."""
        head = {"model": self.model, "data": self.data, "subset": self.subset, "scheme": self.scores.scheme.name}
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("scores", "samples", "predictions"):
            del fields[name]
        predictions = self.predictions
        plain = {name: to_plain(value) for name, value in fields.items() if name not in head}
        names = ("unreadable", "num_unmatched", "annotation_style")
        return {**head, **plain, **{name: getattr(predictions, name) for name in names}}


def to_plain(value: Any) -> Any:
    """Return a value with dictionaries and lists in place of dataclasses and tuples."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
