"""Detection of a dataset's layout, and reading of any dataset by its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from facelattice.datasets.readers import aflw, coco, cofw, cofw68, csv, dlib_xml, w300, wflw
from facelattice.datasets.readers.check import check_samples
from facelattice.datasets.readers.files import find_annotation_files, has_files
from facelattice.datasets.sample import Sample, default_scheme
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

Reader = Callable[[], list[Sample]]

LAYOUTS = (
    ".pts files (300-W), WFLW_annotations/, COFW_train_color.mat or COFW_test_color.mat, test_annotations/ (COFW68), "
    f"{aflw.NAME}, a .csv table, a COCO .json, dlib's .xml, annotations/ with a COCO .json"
)

# The start of annotations in files of each suffix.
HEADS = {
    ".csv": r"\A[^\n]*\bimage\b[^\n]*(\bx_?0\b|[\W_]x\b)",
    ".json": r'"(images|annotations|categories)"\s*:\s*\[',
    ".xml": r"<dataset\b",
}


def read_samples(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read the annotated faces of a dataset; its layout is detected.

    Args:
        path: A folder or a file.
        subset: A part that the dataset defines ("train", "test", "challenging", "blur", ...), or a COCO category.
            Datasets that separate training and test faces need one.
        scheme: Scheme of the points, if the dataset does not define it and no built-in scheme has as many points.

    Returns:
        At least one sample.

    Raises:
        DataError: If no layout or more than one is found, or the dataset is damaged.
        FormatError: If a file of the dataset is damaged; it names file and place.
        MissingDependencyError: If a package that reads the layout is not installed.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path}: is neither a file nor a folder")
    found = _find_readers(path, subset, scheme)
    if len(found) > 1:
        some = ", ".join([*list(found)[:5], *(["..."] if len(found) > 5 else [])])
        raise DataError(f"{path}: contains several datasets: {some}; give the path of one, or move the others away")
    if not found:
        raise DataError(f"{path}: not a dataset; looked for {LAYOUTS}")
    ((name, read),) = found.items()
    samples = read()
    if not samples:
        raise DataError(f"{path}: no faces in {name}")
    check_samples(path, samples)
    return samples


def read_samples_for(target: Scheme, path: Path, subset: str | None = None) -> list[Sample]:
    """Read a dataset for a program with the scheme ``target``; see `read_samples` and `default_scheme`."""
    return read_samples(path, subset, default_scheme(target))


def _find_readers(path: Path, subset: str | None, scheme: Scheme | None) -> dict[str, Reader]:
    """All layouts that the path may have, by their name in errors."""
    if not path.is_dir():
        return _file_reader(path, subset, scheme)
    found: dict[str, Reader] = {}
    if (path / "WFLW_annotations").is_dir():
        found["the lists of WFLW"] = lambda: wflw.read(path, subset)
    if cofw.find_files(path):
        found["the .mat files of COFW"] = lambda: cofw.read(path, subset)
    if cofw68.find_annotations(path):
        found["the test_annotations of COFW68"] = lambda: cofw68.read(path, subset)
    if (path / aflw.NAME).is_file():
        found[aflw.NAME] = lambda: aflw.read(path, subset)
    if has_files(path, ".pts"):
        found[".pts files"] = lambda: w300.read(path, subset, scheme)
    files = find_annotation_files(path, HEADS)
    if not found and not files:
        files = find_annotation_files(path / "annotations", [".json"])
    if len(found) + len(files) > 1:  # beside a dataset, a table or JSON of another kind is not a second one
        files = [file for file in files if _has_head(file)]
    for file in files:
        found |= _file_reader(file, subset, scheme)
    return found


def _has_head(path: Path) -> bool:
    """Whether a file starts like annotations."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return re.search(HEADS[path.suffix.lower()], file.read(100_000)) is not None


def _file_reader(path: Path, subset: str | None, scheme: Scheme | None) -> dict[str, Reader]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return {path.name: lambda: csv.read(path, subset, scheme)}
    if suffix == ".json":
        return {path.name: lambda: coco.read(path, subset, scheme)}
    if suffix == ".xml":
        return {path.name: lambda: dlib_xml.read(path, subset, scheme)}
    if path.name in cofw.NAMES:
        return {path.name: lambda: cofw.read(path, subset)}
    return {path.name: lambda: aflw.read(path, subset)} if path.name == aflw.NAME else {}
