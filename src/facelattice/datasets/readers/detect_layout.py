"""Detection of a dataset's layout, and reading of any dataset by its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facelattice.datasets.readers import aflw, coco, cofw, cofw68, csv, dlib_xml, w300, wflw
from facelattice.datasets.readers.check import check_samples
from facelattice.datasets.readers.files import find_annotation_files, has_files
from facelattice.datasets.sample import Sample, default_scheme
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

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


@dataclass(frozen=True)
class Layout:
    """A way in which a dataset is stored.

    Attributes:
        name: Name in errors.
        read: Reads the faces of a subset, or all faces for None.
        find_test_subset: Finds the subset that the benchmark tests, as the function of this name does.
    """

    name: str
    read: Callable[[str | None], list[Sample]]
    find_test_subset: Callable[[], str | None] = lambda: None


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
    layout = _find_layout(path, scheme)
    samples = layout.read(subset)
    if not samples:
        raise DataError(f"{path}: no faces in {layout.name}")
    check_samples(path, samples)
    return samples


def read_samples_for(target: Scheme, path: Path, subset: str | None = None) -> list[Sample]:
    """Read a dataset for a program with the scheme ``target``; see `read_samples` and `default_scheme`."""
    return read_samples(path, subset, default_scheme(target))


def find_test_subset(path: Path) -> str | None:
    """The subset that the benchmark of a dataset tests, such as "full" for a folder with all parts of 300-W.

    Args:
        path: A folder or a file.

    Returns:
        The subset; None for a dataset without training faces, or without any subset for tests.

    Raises:
        DataError: If no layout or more than one is found.
    """
    return _find_layout(path, None).find_test_subset()


def _find_layout(path: Path, scheme: Scheme | None) -> Layout:
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path}: is neither a file nor a folder")
    found = _find_layouts(path, scheme)
    if len(found) > 1:
        some = ", ".join([*(layout.name for layout in found[:5]), *(["..."] if len(found) > 5 else [])])
        raise DataError(f"{path}: contains several datasets: {some}; give the path of one, or move the others away")
    if not found:
        raise DataError(f"{path}: not a dataset; looked for {LAYOUTS}")
    return found[0]


def _find_layouts(path: Path, scheme: Scheme | None) -> list[Layout]:
    """All layouts that the path may have."""
    if not path.is_dir():
        return _file_layouts(path, scheme)
    found: list[Layout] = []
    if (path / "WFLW_annotations").is_dir():
        found.append(Layout("the lists of WFLW", partial(wflw.read, path), partial(wflw.find_test_subset, path)))
    if cofw.find_files(path):
        found.append(Layout("the .mat files of COFW", partial(cofw.read, path), partial(cofw.find_test_subset, path)))
    if cofw68.find_annotations(path):
        found.append(Layout("the test_annotations of COFW68", partial(cofw68.read, path)))
    if (path / aflw.NAME).is_file():
        found.append(_aflw_layout(path))
    if has_files(path, ".pts"):
        found.append(
            Layout(".pts files", partial(w300.read, path, scheme=scheme), partial(w300.find_test_subset, path))
        )
    files = find_annotation_files(path, HEADS)
    if not found and not files:
        files = find_annotation_files(path / "annotations", [".json"])
    if len(found) + len(files) > 1:  # beside a dataset, a table or JSON of another kind is not a second one
        files = [file for file in files if _has_head(file)]
    return found + [layout for file in files for layout in _file_layouts(file, scheme)]


def _has_head(path: Path) -> bool:
    """Whether a file starts like annotations."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return re.search(HEADS[path.suffix.lower()], file.read(100_000)) is not None


def _file_layouts(path: Path, scheme: Scheme | None) -> list[Layout]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return [Layout(path.name, partial(csv.read, path, scheme=scheme))]
    if suffix == ".json":
        return [Layout(path.name, partial(coco.read, path, scheme=scheme))]
    if suffix == ".xml":
        return [Layout(path.name, partial(dlib_xml.read, path, scheme=scheme))]
    if path.name in cofw.NAMES:
        return [Layout(path.name, partial(cofw.read, path))]
    return [_aflw_layout(path)] if path.name == aflw.NAME else []


def _aflw_layout(path: Path) -> Layout:
    """The layout of AFLW-19, whose file contains training and test faces."""
    return Layout(aflw.NAME, partial(aflw.read, path), lambda: aflw.TEST_SUBSET)
