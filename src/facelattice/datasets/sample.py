"""Sample: one annotated face on disk, the same whatever data set it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.exceptions import DataError
from facelattice.schemes import SCHEMES, Scheme, convert, mean_shape


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated face.

    path: the image.  points: float32 (N, 2), its pixels, NaN where missing.  mask: bool (N,), which points are
    annotated.
    box: (4,), the landmark box.  scheme: what the points mean.  attributes: what the data set says of it, e.g. "blur".
    group: faces that must not be split between training and validation (one photo, one person) share it.  hidden: bool
    (N,), points that the data set says cannot be seen.  dataset_box: (4,), the data set's own face box where its
    benchmark measures by it.  benchmark: whose `evaluation.protocols` these faces are measured by, "" for none.
    """

    path: Path
    points: np.ndarray
    mask: np.ndarray
    box: np.ndarray
    scheme: Scheme
    group: str
    attributes: dict[str, bool]
    hidden: np.ndarray
    dataset_box: np.ndarray | None
    benchmark: str


def make_sample(
    path: Path, points: np.ndarray, scheme: Scheme, group: str, where: str, attributes: dict[str, bool] | None = None,
    hidden: np.ndarray | None = None, dataset_box: np.ndarray | None = None, benchmark: str = "",
) -> Sample:  # fmt: skip
    """A sample from points (N, 2) with NaN where missing. ``where`` names file and line in errors."""
    if points.shape != (len(scheme), 2):
        raise DataError(f"{where}: {len(points)} points, but the scheme {scheme.name} has {len(scheme)}")
    mask = np.isfinite(points).all(-1)
    if mask.sum() < 2:
        raise DataError(f"{where}: fewer than two points are annotated; leave this face out")
    box = geometry.face_box(points, mask)
    if geometry.box_side(box) <= 0:
        raise DataError(f"{where}: all points lie on one spot {box[:2].tolist()}")
    hidden = np.zeros(len(mask), bool) if hidden is None else hidden
    return Sample(
        path, points.astype(np.float32), mask, box, scheme, group, attributes or {}, hidden, dataset_box, benchmark
    )


def group_names(names: Sequence[str]) -> list[str]:
    """The groups of a data set's files: what NAME_1.jpg and NAME_2.jpg share, two faces of a photo or two frames of a
    person, which stay on one side of a split.

    Numbers of one or two digits only: LFPW's image_0001 and 300-W's indoor_001 are photos of their own. So are all
    where they would be one group: photos numbered through, of which no split could be made.
    """
    stems = [os.path.splitext(name)[0] for name in names]
    groups = [re.sub(r"_\d{1,2}$", "", stem) for stem in stems]
    return groups if len(set(groups)) > 1 else stems


def infer_scheme(count: int, scheme: Scheme | None, where: str) -> Scheme:
    """The scheme given, or the built-in one with that many points. Raises DataError where there is none."""
    if scheme is not None:
        return scheme
    for built_in in SCHEMES.values():
        if len(built_in) == count:
            return built_in
    known = ", ".join(f"{len(s)} ({name})" for name, s in SCHEMES.items())
    raise DataError(
        f"{where}: no built-in scheme has {count} points (known: {known}); describe yours in a small YAML "
        "file and name it as the source's scheme"
    )


def default_scheme(target: Scheme) -> Scheme | None:
    """What faces of no named scheme are taken for: a scheme of the user's, as nothing converts to one; else None."""
    return None if target.name in SCHEMES else target


def convert_samples(samples: list[Sample], target: Scheme, mean: np.ndarray | None) -> list[Sample]:
    """The samples with their points as ``target``'s, masked where the data set does not know them.

    The landmark box stays that of a whole face: where points are missing, ``mean`` (N, 2) of the target is laid
    on those that are there, and the box drawn around it. Samples that share no point with the target are left out.
    """
    converted = []
    for sample in samples:
        points, mask = convert(sample.points, sample.mask, sample.scheme, target)
        if mask.any():
            box = geometry.face_box(points, mask) if mask.all() else full_face_box(sample, target, mean)
            covered = np.repeat(sample.hidden[:, None], 2, 1)
            # A point made of several is hidden if one of them is.
            hidden = convert(covered, sample.mask, sample.scheme, target)[0][:, 0] > 0
            converted.append(replace(sample, points=points, mask=mask, box=box, scheme=target, hidden=hidden))
    return converted


def to_common_scheme(samples: list[Sample], scheme: Scheme) -> tuple[list[Sample], list[Sample]]:
    """The samples that share a point with a program's scheme, as they are, and in that scheme with boxes as it knows
    them. Raises DataError where there are none."""
    mean = mean_shape(scheme) if scheme.name in SCHEMES else None
    pairs = [(sample, one) for sample in samples for one in convert_samples([sample], scheme, mean)]
    if not pairs:
        raise DataError(
            f"none of the {len(samples)} faces, {samples[0].scheme.name}, shares a point with {scheme.name}"
        )
    return [sample for sample, _ in pairs], [one for _, one in pairs]


def full_face_box(sample: Sample, target: Scheme, mean: np.ndarray | None) -> np.ndarray:
    """The box of ``target``'s mean shape laid on the sample's points, or the sample's own box where that cannot be."""
    try:
        if mean is None:
            return sample.box
        everything = np.ones(len(target), bool)
        shape, known = convert(mean, everything, target, sample.scheme)
        shared = known & sample.mask
        placed = geometry.apply(geometry.similarity(shape[shared], sample.points[shared]), mean)
    except ValueError:  # no conversion back, or too few points: the tight box is the best there is
        return sample.box
    # The annotated points belong to the face as well, where the mean shape falls short of them.
    return geometry.face_box(np.concatenate([placed, sample.points[sample.mask]]))


def mean_shape_of(samples: list[Sample]) -> np.ndarray | None:
    """The mean (N, 2) of the samples' complete faces, each in its own square box; None where no face is complete."""
    shapes = [(s.points - geometry.box_center(s.box)) / geometry.box_side(s.box) for s in samples if s.mask.all()]
    return np.mean(shapes, axis=0) if shapes else None
