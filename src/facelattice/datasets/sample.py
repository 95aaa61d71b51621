"""Sample: one annotated face, whatever dataset it comes from, and conversion of samples to another point scheme."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError, DataError, SchemeError
from facelattice.formats.parsing import MAX_COORDINATE
from facelattice.schemes import SCHEMES, Scheme, convert, mean_shape


class UnknownSchemeError(DataError):
    """Faces have another number of points than any built-in scheme.

    Attributes:
        num_points: Number of points of the first face.
    """

    def __init__(self, message: str, num_points: int):
        super().__init__(message)
        self.num_points = num_points


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated face.

    Attributes:
        path: The image file.
        points: float32 (N, 2), pixels of the image, NaN where not annotated.
        mask: bool (N,), which points are annotated.
        box: (4,), box of the landmarks.
        scheme: Point scheme.
        group: Name of its group (one photo, one person), which must not be split between training and validation.
        attributes: Flags that the dataset gives to the face, such as "blur".
        hidden: bool (N,), points that the dataset marks as not visible, annotated or not.
        visible: bool (N,), points that the dataset marks as visible. Of the others it is unknown.
        dataset_box: (4,), the dataset's own face box; None if it has none.
        protocol: Name of the benchmark protocol, see `evaluation.protocols`; "" for none.
        annotation_style: Name of the annotation style, see `SDFLConfig.annotation_styles`; "" for none.
    """

    path: Path
    points: np.ndarray
    mask: np.ndarray
    box: np.ndarray
    scheme: Scheme
    group: str
    attributes: dict[str, bool]
    hidden: np.ndarray
    visible: np.ndarray
    dataset_box: np.ndarray | None
    protocol: str
    annotation_style: str = ""

    @property
    def is_background(self) -> bool:
        """Whether the box shows no face."""
        return not self.mask.any()


def make_sample(
    path: Path,
    points: np.ndarray,
    scheme: Scheme,
    group: str,
    where: str,
    attributes: dict[str, bool] | None = None,
    hidden: np.ndarray | None = None,
    visible: np.ndarray | None = None,
    dataset_box: np.ndarray | None = None,
    protocol: str = "",
) -> Sample:
    """Make a sample, and compute its mask and its box from the points.

    Args:
        path: The image file.
        points: (N, 2), pixels of the image, NaN where not annotated.
        scheme: Point scheme.
        group: See `Sample`.
        where: File and line, for errors.
        attributes: See `Sample`.
        hidden: See `Sample`; None for no point.
        visible: See `Sample`; None for no point.
        dataset_box: See `Sample`.
        protocol: See `Sample`.

    Raises:
        DataError: If the points do not fit the scheme, fewer than two are annotated, or all lie in one place.
    """
    if "\0" in str(path):
        raise DataError(f"{where}: the name of the image contains a null character")
    if points.shape != (len(scheme), 2):
        raise DataError(f"{where}: {len(points)} points, but the scheme {scheme.name} has {len(scheme)}")
    mask = np.isfinite(points).all(-1)
    if (np.abs(points[mask]) > MAX_COORDINATE).any():
        raise DataError(f"{where}: coordinates of {np.abs(points[mask]).max():g} px are too large")
    if mask.sum() < 2:
        raise DataError(f"{where}: fewer than two points are annotated; leave this face out")
    box = geometry.face_box(points, mask)
    if geometry.box_side(box) <= 0:
        raise DataError(f"{where}: all points lie in one place, {box[:2].tolist()}")
    return Sample(
        path=path,
        points=points.astype(np.float32),
        mask=mask,
        box=box,
        scheme=scheme,
        group=group,
        attributes=attributes or {},
        hidden=np.zeros(len(mask), bool) if hidden is None else hidden,
        visible=np.zeros(len(mask), bool) if visible is None else visible,
        dataset_box=dataset_box,
        protocol=protocol,
    )


def infer_scheme(num_points: int, scheme: Scheme | None, where: str) -> Scheme:
    """Return the given scheme, or the built-in one with this number of points.

    Args:
        num_points: Number of points of the face.
        scheme: The scheme that the user gave; None for none.
        where: File and line, for errors.

    Raises:
        UnknownSchemeError: If no built-in scheme has this number of points.
    """
    if scheme is not None:
        return scheme
    for built_in in SCHEMES.values():
        if len(built_in) == num_points:
            return built_in
    counts = ", ".join(f"{len(s)} ({name})" for name, s in SCHEMES.items())
    raise UnknownSchemeError(
        f"{where}: no built-in scheme has {num_points} points (built in: {counts}); describe your points in a small "
        "YAML file and give it as the scheme of the dataset",
        num_points,
    )


def default_scheme(target: Scheme) -> Scheme | None:
    """Return the scheme for datasets that name none: a scheme of the user, to which no other scheme is converted."""
    return None if target.name in SCHEMES else target


def convert_samples(samples: list[Sample], target: Scheme, mean: np.ndarray | None) -> list[Sample]:
    """Convert samples to another scheme. Points that a dataset does not have are masked out.

    The box of an incomplete face is that of a mean shape fitted to its points.

    Args:
        samples: The faces.
        target: The scheme to convert to.
        mean: Mean shape (N, 2) of the target; None keeps the boxes of incomplete faces.

    Returns:
        The converted samples, without those that share no point with the target.

    Raises:
        SchemeError: If there is no conversion between the schemes.
    """
    converted = []
    for sample in samples:
        points, mask = convert(sample.points, sample.mask, sample.scheme, target)
        if mask.any():
            box = geometry.face_box(points, mask) if mask.all() else full_face_box(sample, target, mean)
            # A point that is the mean of several is hidden if one of them is, and visible if all are.
            hidden = convert_values(sample.hidden, sample.scheme, target) > 0
            visible = convert_values(sample.visible, sample.scheme, target) == 1
            changes = {"points": points, "mask": mask, "box": box, "hidden": hidden, "visible": visible}
            converted.append(replace(sample, scheme=target, **changes))
    return converted


def convert_values(values: np.ndarray, source: Scheme, target: Scheme, mask: np.ndarray | None = None) -> np.ndarray:
    """Convert one value or flag for each point to another scheme, like a coordinate.

    Args:
        values: Values (N,) for the points of ``source``.
        source: Scheme of the values.
        target: Scheme of the result.
        mask: Bool (N,), which values are known; None for all.

    Returns:
        Float32 (M,): for each target point the mean over its source points; NaN if it has none, or one is unknown.
    """
    known = np.ones(len(source), bool) if mask is None else mask
    return convert(np.repeat(values[:, None], 2, 1), known, source, target)[0][:, 0]


def to_common_scheme(samples: list[Sample], scheme: Scheme) -> tuple[list[Sample], list[Sample]]:
    """Pair samples with their conversion to the scheme of a program.

    Args:
        samples: The faces.
        scheme: The program's scheme.

    Returns:
        The samples that share a point with the scheme, unchanged; and the same samples converted to the scheme.

    Raises:
        DataError: If no sample shares a point with the scheme.
        SchemeError: If there is no conversion between the schemes.
    """
    mean = mean_shape(scheme) if scheme.name in SCHEMES else None
    pairs = [(sample, converted) for sample in samples for converted in convert_samples([sample], scheme, mean)]
    if not pairs:
        raise DataError(
            f"none of the {len(samples)} faces, {samples[0].scheme.name}, shares a point with {scheme.name}"
        )
    return [sample for sample, _ in pairs], [converted for _, converted in pairs]


def full_face_box(sample: Sample, target: Scheme, mean: np.ndarray | None) -> np.ndarray:
    """Return the box of a whole face for a sample with missing points: that of a mean shape fitted to the others.

    Args:
        sample: The face.
        target: Scheme of the mean shape.
        mean: Mean shape (N, 2) of the target.

    Returns:
        The box (4,); the sample's own box if no mean shape is given or it cannot be fitted.
    """
    try:
        if mean is None:
            return sample.box
        shape, known = convert(mean, np.ones(len(target), bool), target, sample.scheme)
        shared = known & sample.mask
        fitted = geometry.apply(geometry.similarity(shape[shared], sample.points[shared]), mean)
    except (ArgumentError, SchemeError):  # too few points, or no conversion back
        return sample.box
    # The box also contains annotated points outside the mean shape.
    return geometry.face_box(np.concatenate([fitted, sample.points[sample.mask]]))


def mean_shape_of(samples: list[Sample]) -> np.ndarray | None:
    """Compute the mean (N, 2) of the complete faces in units of their box sides, from the centers; None without any."""
    shapes = [(s.points - geometry.box_center(s.box)) / geometry.box_side(s.box) for s in samples if s.mask.all()]
    return np.mean(shapes, axis=0) if shapes else None
