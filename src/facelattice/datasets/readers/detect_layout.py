"""Detection of a dataset's layout, and reading of any dataset by its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facelattice.datasets.readers import (
    aflw,
    align_json,
    coco,
    cofw,
    cofw68,
    csv,
    cvat,
    dlib_xml,
    label_studio,
    labelme,
    w300,
    wflw,
    yolo,
)
from facelattice.datasets.readers.annotations import Dataset
from facelattice.datasets.readers.check import check_samples
from facelattice.datasets.readers.files import find_annotation_files, find_files, has_files
from facelattice.datasets.sample import Sample, default_scheme
from facelattice.exceptions import DataError
from facelattice.file_search import check_path, suggest_path
from facelattice.formats.parsing import open_text
from facelattice.messages import list_some
from facelattice.schemes import Scheme

LAYOUTS = (
    ".pts files (300-W), WFLW_annotations/, COFW_train_color.mat or COFW_test_color.mat, test_annotations/ (COFW68), "
    f"{aflw.NAME}, a .csv table, the .json of COCO, Label Studio, labelme or facelattice align, the .xml of dlib or "
    "CVAT, data.yaml of YOLO, annotations/ with a COCO .json"
)


@dataclass(frozen=True)
class FileKind:
    """A kind of annotation files.

    Attributes:
        suffixes: Suffixes of the files.
        head: Pattern in the start of a file.
        read: Reads the faces of a file.
    """

    suffixes: tuple[str, ...]
    head: str
    read: Callable[..., Dataset]


YOLO = FileKind((".yaml", ".yml"), r"(?m)^kpt_shape\s*:", yolo.read)
LABELME = FileKind((".json",), r'\A\s*\{.*"(shapes|imagePath|imageData)"\s*:', labelme.read)
ALIGN = FileKind((".json",), r'\A\s*\{\s*"image"\s*:.*"faces"\s*:\s*\[', align_json.read)
# If a suffix fits but no head does, the file is read as the last kind with this suffix, which raises an error.
FILE_KINDS = (
    FileKind((".csv",), r"\A[^\n]*\bimage\b[^\n]*(\bx_?0\b|[\W_]x\b)", csv.read),
    LABELME,
    ALIGN,
    FileKind((".json",), r'\A\s*\[.*"(data|completed_by|from_name)"\s*:', label_studio.read),
    FileKind((".json",), r'"(images|annotations|categories)"\s*:\s*\[', coco.read),
    FileKind((".xml",), r"<annotations\b", cvat.read),
    FileKind((".xml",), r"<dataset\b", dlib_xml.read),
    YOLO,
)
HEAD_LENGTH = 100_000  # characters


@dataclass(frozen=True)
class Layout:
    """The storage layout of a dataset.

    Attributes:
        name: Name in error messages.
        read: Reads the faces of a subset, or all for None.
        find_test_subset: Finds the subset that the benchmark tests; see the function of the same name.
    """

    name: str
    read: Callable[[str | None], Dataset]
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
    return read_dataset(path, subset, scheme).samples


def read_dataset(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> Dataset:
    """Read the faces of a dataset, as `read_samples` does, and find its images without faces."""
    layout = _find_layout(path, scheme)
    dataset = layout.read(subset)
    if not dataset.samples:
        raise DataError(f"{path}: no faces in {layout.name}")
    check_samples(path, dataset.samples)
    return dataset


def read_samples_for(target: Scheme, path: Path, subset: str | None = None) -> list[Sample]:
    """Read a dataset for a program with the scheme ``target``; see `read_samples` and `default_scheme`."""
    return read_samples(path, subset, default_scheme(target))


def find_test_subset(path: Path) -> str | None:
    """Return the subset that the benchmark of a dataset tests, such as "full" for a folder with all parts of 300-W.

    Args:
        path: A folder or a file.

    Returns:
        The subset; None for a dataset without training faces, or without any subset for tests.

    Raises:
        DataError: If no layout or more than one is found.
    """
    return _find_layout(path, None).find_test_subset()


def _find_layout(path: Path, scheme: Scheme | None) -> Layout:
    check_path(path, "dataset", DataError)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder{suggest_path(path)}")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path}: is neither a file nor a folder")
    found = _find_layouts(path, scheme)
    if len(found) > 1:
        some = list_some([layout.name for layout in found], 5)
        raise DataError(f"{path}: contains several datasets: {some}; give the path of one, or move the others away")
    if not found:
        raise DataError(f"{path}: not a dataset; looked for {LAYOUTS}")
    return found[0]


def _find_layouts(path: Path, scheme: Scheme | None) -> list[Layout]:
    """Find all layouts that the path may have."""
    if not path.is_dir():
        return _file_layouts(path, scheme)
    found: list[Layout] = []
    if (path / "WFLW_annotations").is_dir():
        found.append(_benchmark("the lists of WFLW", partial(wflw.read, path), partial(wflw.find_test_subset, path)))
    if cofw.find_files(path):
        found.append(
            _benchmark("the .mat files of COFW", partial(cofw.read, path), partial(cofw.find_test_subset, path))
        )
    if cofw68.find_annotations(path):
        found.append(_benchmark("the test_annotations of COFW68", partial(cofw68.read, path)))
    if (path / aflw.NAME).is_file():
        found.append(_aflw_layout(path))
    if has_files(path, ".pts"):
        found.append(
            _benchmark(".pts files", partial(w300.read, path, scheme=scheme), partial(w300.find_test_subset, path))
        )
    kinds = {_file_kind(file) for file in find_files(path, ".json")}
    for kind, program in ((LABELME, "labelme"), (ALIGN, "facelattice align")):
        if kind in kinds:
            found.append(Layout(f"the .json files of {program}", partial(kind.read, path, scheme=scheme)))
    files = _candidate_files(path)
    if not found and not files:
        files = find_annotation_files(path / "annotations", [".json"])
    if len(found) + len(files) > 1:  # beside a dataset, a table or JSON of another kind is not a second one
        files = [file for file in files if _file_kind(file) is not None]
    return found + [layout for file in files for layout in _file_layouts(file, scheme)]


def _candidate_files(folder: Path) -> list[Path]:
    """Find the files in a folder that may be datasets of their own; other YAML files are recipes or schemes."""
    files = find_annotation_files(folder, {suffix for kind in FILE_KINDS for suffix in kind.suffixes})
    kinds = [_file_kind(file) for file in files]
    return [
        file
        for file, kind in zip(files, kinds, strict=True)
        if kind not in (LABELME, ALIGN) and (kind is YOLO or file.suffix.lower() not in YOLO.suffixes)
    ]


def _file_kind(path: Path) -> FileKind | None:
    """Find the kind of a file by its suffix and its first characters; None if there is none."""
    kinds = [kind for kind in FILE_KINDS if path.suffix.lower() in kind.suffixes]
    if not kinds:
        return None
    with open_text(path) as file:
        head = file.read(HEAD_LENGTH)
    return next((kind for kind in kinds if re.search(kind.head, head, re.DOTALL)), None)


def _file_layouts(path: Path, scheme: Scheme | None) -> list[Layout]:
    if path.name in cofw.NAMES:
        return [_benchmark(path.name, partial(cofw.read, path))]
    if path.name == aflw.NAME:
        return [_aflw_layout(path)]
    kinds = [kind for kind in FILE_KINDS if path.suffix.lower() in kind.suffixes]
    if not kinds:
        return []
    kind = _file_kind(path) or kinds[-1]
    return [Layout(path.name, partial(kind.read, path, scheme=scheme))]


def _benchmark(
    name: str, read: Callable[[str | None], list[Sample]], find_test_subset: Callable[[], str | None] = lambda: None
) -> Layout:
    """Create the layout of a dataset that lists no images without faces."""
    return Layout(name, lambda subset: Dataset(read(subset), []), find_test_subset)


def _aflw_layout(path: Path) -> Layout:
    """Create the layout of AFLW-19, whose file contains training and test faces."""
    return _benchmark(aflw.NAME, partial(aflw.read, path), lambda: aflw.TEST_SUBSET)
