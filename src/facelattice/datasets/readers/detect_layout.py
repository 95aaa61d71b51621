"""What a path holds, recognized by looking at it: a data set of the field, or a file of your own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from facelattice.datasets.readers import aflw, coco_dlib, cofw, csv, w300, wflw
from facelattice.datasets.sample import Sample, default_scheme
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

Read = Callable[[], list[Sample]]

LOOKED_FOR = (
    ".pts files (300-W), WFLW_annotations/, COFW_train_color.mat or COFW_test_color.mat, test_annotations/ (COFW68), "
    f"{aflw.NAME}, a .csv table, a COCO .json, dlib's .xml"
)

HEADS = {
    ".csv": r"\A[^\n]*\bimage\b[^\n]*\bx0\b",
    ".json": r'"(images|annotations|categories)"\s*:\s*\[',
    ".xml": r"<dataset\b",
}


def read_samples(path: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """The annotated faces at ``path``, a folder or a file.

    subset: a part that the data set names ("train", "test", "challenging", "blur" ...), or a COCO category; needed
    where it keeps training and test faces apart. scheme: what the points are, where their number does not tell.
    Raises DataError where nothing or more than one thing was found, saying what was looked for, and for what is wrong
    in it; ImportError where a library to read it is missing.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    found = _layouts(path, subset, scheme)
    if len(found) > 1:
        some = ", ".join([*list(found)[:5], *(["..."] if len(found) > 5 else [])])
        raise DataError(f"{path}: several things fit: {some}; give the path of one, or move the others away")
    if not found:
        raise DataError(f"{path}: not a data set; looked for {LOOKED_FOR}")
    ((name, read),) = found.items()
    samples = read()
    if not samples:
        raise DataError(f"{path}: no faces in {name}")
    return samples


def read_samples_for(target: Scheme, path: Path, subset: str | None = None) -> list[Sample]:
    """`read_samples` for a program whose points are ``target``'s: so are the faces' where that is the user's own."""
    return read_samples(path, subset, default_scheme(target))


def _layouts(path: Path, subset: str | None, scheme: Scheme | None) -> dict[str, Read]:
    """All that the path could be, by what it is called in errors."""
    if not path.is_dir():
        return _file(path, subset, scheme)
    found: dict[str, Read] = {}
    if (path / "WFLW_annotations").is_dir():
        found["WFLW's lists"] = lambda: wflw.read(path, subset)
    if cofw.files(path):
        found["COFW's .mat files"] = lambda: cofw.read(path, subset)
    if cofw.annotations68(path):
        found["COFW68's test_annotations"] = lambda: cofw.read68(path, subset)
    if (path / aflw.NAME).is_file():
        found[aflw.NAME] = lambda: aflw.read(path, subset)
    if next(path.rglob("*.pts"), None):
        found[".pts files"] = lambda: w300.read(path, subset, scheme)
    single = [f for f in sorted(path.iterdir()) if f.suffix.lower() in HEADS and f.is_file()]
    if len(found) + len(single) > 1:  # a table of something else, or JSON of another program, is no second data set
        single = [file for file in single if _has_head(file)]
    for file in single:
        found |= _file(file, subset, scheme)
    return found


def _has_head(path: Path) -> bool:
    """True where a file starts as annotations of its kind do."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return re.search(HEADS[path.suffix.lower()], file.read(100_000)) is not None


def _file(path: Path, subset: str | None, scheme: Scheme | None) -> dict[str, Read]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return {path.name: lambda: csv.read(path, subset, scheme)}
    if suffix == ".json":
        return {path.name: lambda: coco_dlib.read_coco(path, subset, scheme)}
    if suffix == ".xml":
        return {path.name: lambda: coco_dlib.read_xml(path, subset, scheme)}
    if path.name in cofw.NAMES:
        return {path.name: lambda: cofw.read(path, subset)}
    return {path.name: lambda: aflw.read(path, subset)} if path.name == aflw.NAME else {}
