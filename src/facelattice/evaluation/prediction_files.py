"""Read landmarks from files of another program, to evaluate them like the predictions of a model.

Example:
    file = load_predictions(Path("points.csv"))      # CSV, COCO JSON, dlib XML, a folder of .pts or .json files
    predictions = match_predictions(file, samples)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.datasets.readers.annotations import image_folders
from facelattice.datasets.readers.check import warn_of_placeholders
from facelattice.datasets.readers.files import ImageFinder, find_annotation_files, find_files
from facelattice.datasets.readers.point_order import order_points
from facelattice.datasets.sample import Sample
from facelattice.evaluation.predict import MATCH_IOU, FacePrediction, Predictions, match_boxes
from facelattice.exceptions import DataError
from facelattice.formats import JsonFace, read_json, read_pts
from facelattice.formats.annotation import Annotation, AnnotationFile
from facelattice.formats.coco_reader import (
    is_coco_dataset,
    is_coco_results,
    read_coco_file,
    read_coco_index,
    read_coco_results,
)
from facelattice.formats.csv_reader import read_csv_file
from facelattice.formats.dlib_xml import read_dlib_file
from facelattice.formats.parsing import load_json
from facelattice.schemes import SCHEMES, Scheme

SUFFIXES = (".csv", ".json", ".xml")
SINGLE_FACE_IOU = 1e-6  # smallest IoU if an image has one prediction and one annotated face


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """Faces read from a file or folder.

    Attributes:
        path: The file or folder.
        num_points: Number of landmarks of every face.
        faces: Resolved path of the image, and the prediction.
        own_scheme: Scheme that the file states, by its name or by the names of its points; None if it states none.
        paths_are_ids: True for COCO results without a COCO dataset that maps ids to images: the paths are the ids.
        paths_are_stems: True for .pts files, which do not name their image: the paths are those of the .pts files
            without suffix.
    """

    path: Path
    num_points: int
    faces: list[tuple[Path, FacePrediction]]
    own_scheme: Scheme | None = None
    paths_are_stems: bool = False
    paths_are_ids: bool = False

    def scheme(self, annotated: Scheme | None = None) -> Scheme:
        """Return the scheme that the file states, or else infer it from the number of landmarks.

        Args:
            annotated: Scheme of the dataset, which is preferred to the built-in schemes with the same number of points.

        Returns:
            The scheme; a scheme of unnamed points if no known one has their number.
        """
        if self.own_scheme is not None:
            return self.own_scheme
        for known in (annotated, *SCHEMES.values()):
            if known is not None and len(known) == self.num_points:
                return known
        return Scheme.from_dict({"name": f"{self.num_points} points", "points": self.num_points})


def is_prediction_file(path: Path) -> bool:
    """Return True for a folder or a file that `load_predictions` reads, False for a model."""
    return path.is_dir() or (path.suffix.lower() in SUFFIXES and path.exists())


def load_predictions(path: Path, data: Path | None = None) -> PredictionFile:
    """Read all faces of a file or folder.

    Args:
        path: A .csv, .json or .xml file, or a folder of .pts or .json files.
        data: The dataset, which maps the image ids of COCO results to images.

    Raises:
        DataError: If there are no faces, they differ in their number of landmarks, or the path is neither a file nor
            a folder.
        FormatError: If a file is damaged.
    """
    if not path.is_dir() and not path.is_file():  # a FIFO
        raise DataError(f"{path}: is neither a file nor a folder")
    pts_files = find_files(path, ".pts") if path.is_dir() else []
    files = [path] if path.is_file() else [] if pts_files else find_files(path, ".json")
    scheme: Scheme | None = None
    paths_are_ids = False
    if len(files) == 1 and (annotations := _read_annotations(files[0])) is not None:
        scheme, annotated = order_points(files[0], annotations, None)
        scheme = scheme if annotations.names else None
        finder = ImageFinder(*image_folders(files[0]))
        faces = [(finder.find(face.image).resolve(), FacePrediction(face.points, None)) for face in annotated]
    elif len(files) == 1 and is_coco_results(load_json(files[0])):
        dataset = None if data is None else _find_coco_file(data)
        paths_are_ids = dataset is None
        faces, scheme = _read_results(files[0], dataset)
    else:
        faces = [(file.resolve().with_suffix(""), FacePrediction(read_pts(file), None)) for file in pts_files]
        found = [(file, face) for file in files for face in read_json(file)]
        faces += [
            ((file.parent / face.image).resolve(), FacePrediction(face.points, face.expected_errors))
            for file, face in found
        ]
        scheme = _stated_scheme(path, [face for _, face in found])
    counts = Counter(len(prediction.points) for _, prediction in faces)
    if not counts:
        raise DataError(
            f"{path}: contains no landmarks; expected a .csv, .json or .xml file, or a folder of .pts or .json"
        )
    if len(counts) > 1:
        numbers = " and ".join(map(str, sorted(counts)))
        raise DataError(f"{path}: contains faces with {numbers} points; evaluate them separately")
    warn_of_placeholders(path, np.concatenate([prediction.points for _, prediction in faces]))
    return PredictionFile(path, next(iter(counts)), faces, scheme, bool(pts_files), paths_are_ids)


def match_predictions(file: PredictionFile, samples: Sequence[Sample]) -> Predictions:
    """Assign predictions from a file to annotated faces.

    Images are matched by path, or by file name if exactly one image has that name. Within an image, predictions and
    annotations are matched one to one by the IoU of their boxes. If an image has one prediction and one annotated face,
    any overlap is enough.

    Args:
        file: The predictions.
        samples: Annotated faces, converted to the scheme of the predictions.

    Returns:
        Predictions in the order of ``samples``.

    Raises:
        DataError: If no image of the file is in the dataset.
    """
    images: dict[Path, list[int]] = {}
    for i, sample in enumerate(samples):
        images.setdefault(sample.path.resolve(), []).append(i)
    paths = [path for path, _ in file.faces]
    matched = _match_images(paths, list(images), file.paths_are_stems)
    if file.paths_are_ids and None in matched:
        matched = _match_numbers(paths, list(images))
    by_image: dict[Path, list[FacePrediction]] = {}
    for image, (_, prediction) in zip(matched, file.faces, strict=True):
        if image is not None:
            by_image.setdefault(image, []).append(prediction)
    if not by_image:
        raise DataError(
            f"{file.path}: none of its images ({file.faces[0][0].name}, ...) is in the dataset "
            f"({samples[0].path.name}, ...)"
        )
    faces: list[FacePrediction | None] = [None] * len(samples)
    for image, predictions in by_image.items():
        predictions = [prediction for prediction in predictions if np.isfinite(prediction.points).all(1).any()]
        boxes = [geometry.face_box(prediction.points) for prediction in predictions]
        indices = images[image]
        min_iou = SINGLE_FACE_IOU if len(predictions) == len(indices) == 1 else MATCH_IOU
        for i, k in zip(indices, match_boxes(boxes, [samples[i].box for i in indices], min_iou), strict=True):
            faces[i] = None if k is None else predictions[k]
    num_unmatched = sum(image is None for image in matched)
    return Predictions(file.path.name, samples[0].scheme, "predictions", faces, [], num_unmatched)


def _read_annotations(path: Path) -> AnnotationFile | None:
    """Read a CSV, dlib or COCO file; None for other JSON."""
    if path.suffix.lower() == ".csv":
        return read_csv_file(path)
    if path.suffix.lower() == ".xml":
        return read_dlib_file(path)
    content = load_json(path)
    return read_coco_file(path) if isinstance(content, dict) and "annotations" in content else None


def _find_coco_file(data: Path) -> Path | None:
    """Find the COCO file of a dataset; None if the dataset has another layout."""
    folders = [data, data / "annotations"]
    files = [file for folder in folders for file in find_annotation_files(folder, [".json"])] or [data]
    files = [file for file in files if file.suffix.lower() == ".json" and is_coco_dataset(load_json(file))]
    return files[0] if len(files) == 1 else None


def _read_results(path: Path, dataset: Path | None) -> tuple[list[tuple[Path, FacePrediction]], Scheme | None]:
    """Read COCO results. The dataset gives the names of images and points; without it, the paths are ids."""
    results = read_coco_results(path)
    if dataset is None:
        return [(Path(result.image_id), FacePrediction(result.points, None)) for result in results], None
    index = read_coco_index(dataset, results)
    faces = []
    for image_id, _, points in results:
        unknown = np.zeros(len(points), bool)
        image = index.images.get(image_id, image_id)
        faces.append(Annotation(image, points, np.isfinite(points).all(1), unknown, unknown, None))
    scheme, ordered = order_points(dataset, AnnotationFile(faces, index.names, index.category, index.skeleton), None)
    finder = ImageFinder(*image_folders(dataset))
    predictions = [(finder.find(face.image).resolve(), FacePrediction(face.points, None)) for face in ordered]
    return predictions, scheme if index.names else None


def _stated_scheme(path: Path, faces: Sequence[JsonFace]) -> Scheme | None:
    """Return the built-in scheme that the faces name; None if they name none or another one."""
    names = {face.scheme for face in faces if face.scheme}
    if len(names) > 1:
        raise DataError(
            f"{path}: contains faces of the schemes {' and '.join(sorted(names))}; evaluate them separately"
        )
    scheme = SCHEMES.get(next(iter(names), ""))
    return scheme if scheme is not None and all(len(face.points) == len(scheme) for face in faces) else None


def _match_images(predicted: list[Path], images: list[Path], are_stems: bool) -> list[Path | None]:
    """Return the image of each predicted path, None if it is missing or ambiguous."""
    keys = {image: image for image in images}
    if are_stems:  # `align` writes STEM_K.pts, other programs write STEM.pts, and STEM may end in a number too
        keys = {image.with_suffix(""): image for image in images}
        names = {key.name for key in keys}
        cut = [path.with_name(re.sub(r"_\d+$", "", path.name)) for path in predicted]
        if sum(path.name in names for path in cut) > sum(path.name in names for path in predicted):
            predicted = cut
    num_predicted = Counter(path.name for path in set(predicted))
    num_images = Counter(key.name for key in keys)
    by_name = {key.name: image for key, image in keys.items() if num_images[key.name] == 1}
    return [keys.get(path) or (by_name.get(path.name) if num_predicted[path.name] == 1 else None) for path in predicted]


def _match_numbers(ids: list[Path], images: list[Path]) -> list[Path | None]:
    """Return for each id the image whose name ends in this number, as in COCO."""
    by_number: dict[int, list[Path]] = {}
    for image in images:
        if match := re.search(r"\d{1,18}$", image.stem):
            by_number.setdefault(int(match[0]), []).append(image)
    numbers = [int(id.name) if re.fullmatch(r"\d{1,18}", id.name) else -1 for id in ids]
    candidates = [by_number.get(number, []) for number in numbers]
    return [found[0] if len(found) == 1 else None for found in candidates]
