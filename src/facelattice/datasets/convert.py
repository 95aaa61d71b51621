"""Conversion of annotated datasets into another kind of files.

Example:
    result = convert_dataset("faces.csv", "faces.json", format="label-studio")
    print(result.num_faces, result.notes)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facelattice.datasets.readers.detect_layout import read_dataset
from facelattice.datasets.sample import Sample, convert_samples, default_scheme
from facelattice.exceptions import ArgumentError, DataError, FormatError, SchemeError
from facelattice.formats.annotation import Annotation
from facelattice.formats.annotation_writers import FACES_ONLY, FILE_WRITERS, FOLDER_WRITERS, WRITERS
from facelattice.schemes import Scheme, get_scheme

CONVERSION_FORMATS = tuple(WRITERS)


@dataclass(frozen=True)
class ConversionResult:
    """What `convert_dataset` has written.

    Attributes:
        format: The kind of files, one of `CONVERSION_FORMATS`.
        num_images: Number of images, with those without faces.
        num_faces: Number of faces.
        notes: Messages about content that the files do not keep.
    """

    format: str
    num_images: int
    num_faces: int
    notes: tuple[str, ...]


def convert_dataset(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    scheme: str | os.PathLike[str] | Scheme | None = None,
    format: str | None = None,
    subset: str | None = None,
) -> ConversionResult:
    """Convert annotated faces into another kind of files.

    Paths of images in the target are relative to it. For "pts" and "yolo", which contain the images, images are copied
    into the target unless they are there.

    Args:
        source: A dataset of any layout that `read_samples` reads.
        target: A file, or a folder for "pts", "yolo" and "labelme".
        scheme: Scheme of the points in the target, a built-in name, a YAML file or a scheme; None keeps that of the
            source. Points that the source does not have are missing.
        format: One of `CONVERSION_FORMATS`; None takes it from the name of the target: .csv, .json (COCO) or data.yaml.
        subset: A part of the source, see `read_samples`.

    Raises:
        ArgumentError: If the format is unknown or missing, or source and target are the same.
        DataError: If the source is no dataset, or an image is not found.
        FormatError: If the source is damaged, or the target cannot hold the faces.
        ImageError: If an image cannot be read.
        SchemeError: If the scheme is unknown, or the points cannot be converted.
        OSError: If the target cannot be written.
    """
    source, target = Path(source), Path(target)
    format, target = _find_format(target, format)
    _check_target(source, target, format)
    if scheme is not None and not isinstance(scheme, Scheme):
        scheme = get_scheme(scheme)
    samples, without_faces, notes = _read(source, subset, scheme)
    if format == "pts":  # has no missing points
        num_faces = len(samples)
        samples = [sample for sample in samples if sample.mask.all()]
        if not samples:
            raise FormatError(f"{source}: all faces have missing points, which .pts files cannot hold")
        if len(samples) < num_faces:
            notes.append(f"left out: faces with missing points ({num_faces - len(samples)} of {num_faces})")
    scheme = samples[0].scheme
    images: dict[Path, list[Annotation]] = {}
    for sample in samples:
        images.setdefault(sample.path, []).append(_annotation(sample))
    if format in FACES_ONLY and without_faces:
        notes.append(f"left out: images without faces ({len(without_faces)})")
    elif format not in FACES_ONLY:
        images |= {image: [] for image in without_faces}
    notes += WRITERS[format](target, images, scheme)
    return ConversionResult(format, len(images), len(samples), tuple(notes))


def _find_format(target: Path, format: str | None) -> tuple[str, Path]:
    """Return the format, and the target: for data.yaml, its folder."""
    if format is not None and format not in CONVERSION_FORMATS:
        raise ArgumentError(f"unknown format {format!r}; expected one of {', '.join(CONVERSION_FORMATS)}")
    if target.name == "data.yaml" and format in (None, "yolo"):
        return "yolo", target.parent
    if format is None:
        format = {".csv": "csv", ".json": "coco"}.get(target.suffix.lower())
    if format is None:
        kinds = "dlib or cvat" if target.suffix.lower() == ".xml" else "pts, yolo or labelme for a folder"
        raise ArgumentError(f"{target}: its name does not tell the format; choose it with --format: {kinds}")
    return format, target


def _check_target(source: Path, target: Path, format: str) -> None:
    """Raise ArgumentError if the target would replace the source, or is a folder instead of a file or the reverse."""
    if not target.exists():
        return
    if format in FILE_WRITERS and target.is_dir():
        raise ArgumentError(f"{target}: is a folder, but {format} is a file; choose the name of a file")
    if format in FOLDER_WRITERS and not target.is_dir():
        raise ArgumentError(f"{target}: is a file, but {format} is a folder; choose the name of a folder")
    if source.exists() and os.path.samefile(source, target):
        raise ArgumentError(f"{target}: source and target are the same; choose another target")
    if format in FILE_WRITERS and source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise ArgumentError(f"{target}: exists and may be a part of the source; choose another target")


def _read(source: Path, subset: str | None, scheme: Scheme | None) -> tuple[list[Sample], list[Path], list[str]]:
    """Read the faces, all with points of one scheme, and the images without faces; check that their images exist."""
    samples, without_faces = read_dataset(source, subset, None if scheme is None else default_scheme(scheme))
    images = dict.fromkeys(sample.path for sample in samples)
    missing = [image for image in images if not os.path.isfile(image)]
    if missing:
        raise DataError(
            f"{source}: {len(missing)} of its {len(images)} images are not found; "
            f"the first was looked for at {missing[0]}"
        )
    notes = []
    found = [image for image in without_faces if os.path.isfile(image)]
    if len(found) < len(without_faces):
        notes.append(f"left out: images without faces that are not found ({len(without_faces) - len(found)})")
    names = list(dict.fromkeys(sample.scheme.name for sample in samples))
    if scheme is None and len(names) > 1:
        raise SchemeError(f"{source}: its faces have several schemes, {', '.join(names)}; choose one with --scheme")
    if scheme is None or all(sample.scheme is scheme for sample in samples):
        return samples, found, notes
    converted = convert_samples(samples, scheme, None)
    if not converted:
        raise SchemeError(f"{source}: none of its faces, {', '.join(names)}, shares a point with {scheme.name}")
    if len(converted) < len(samples):
        num_left_out = len(samples) - len(converted)
        notes.append(f"left out: faces that share no point with {scheme.name} ({num_left_out} of {len(samples)})")
    num_unknown = int((~np.any([sample.mask for sample in converted], axis=0)).sum())
    if num_unknown:
        notes.append(f"missing in all faces: points of {scheme.name} ({num_unknown} of {len(scheme)})")
    return converted, found, notes


def _annotation(sample: Sample) -> Annotation:
    return Annotation(str(sample.path), sample.points, sample.mask, sample.hidden, sample.visible, sample.dataset_box)
