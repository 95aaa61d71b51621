"""The 300-W tree: any folder of NAME.pts beside NAME.jpg (or .png, ...), at any depth.

Sagonas et al., "300 Faces In-The-Wild Challenge", 2013. `.pts` files count from 1; samples count from 0. What a face is
for can be told by the folder it lies in: helen/testset, ibug, 01_Indoor and so on.
"""

from __future__ import annotations

from pathlib import Path

from facelattice.datasets.sample import Sample, group_names, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import read_pts
from facelattice.image_io import IMAGE_SUFFIXES
from facelattice.schemes import Scheme

FULL = ("common", "challenging")
PARTS = {
    "train": ("helen/trainset", "lfpw/trainset", "afw"),
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "indoor": ("01_indoor",),  # these two are the private set, 300W.zip
    "outdoor": ("02_outdoor",),
}


def read(folder: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Every annotated face below ``folder``, by name. Raises DataError, naming the file.

    subset: a part of 300-W, "train", "common", "challenging", "indoor" or "outdoor", or "full", the two test parts.
    Where training and test faces lie below the folder, it must be said.
    """
    found = [(pts, part_of(pts.parent)) for pts in sorted(folder.rglob("*.pts"))]
    chosen = _chosen(folder, {part for _, part in found if part}, subset)
    wanted = [(pts, part) for pts, part in found if chosen is None or part in chosen]
    groups = group_names([pts.name for pts, _ in wanted])
    return [_sample(pts, part, group, scheme) for group, (pts, part) in zip(groups, wanted, strict=True)]


def part_of(folder: Path) -> str | None:
    """The part of 300-W that faces in this folder are of; None where its name does not say."""
    name = folder.resolve().as_posix().lower()
    return next((part for part, places in PARTS.items() if any(name.endswith(f"/{place}") for place in places)), None)


def _chosen(folder: Path, parts: set[str], subset: str | None) -> tuple[str | None, ...] | None:
    """The parts to read; None is everything."""
    subsets = [*sorted(parts), *(["full"] if parts & set(FULL) else [])]
    if subset is None:
        if "train" in parts and len(parts) > 1:
            raise DataError(f"{folder}: training and test faces lie here; say which subset: {', '.join(subsets)}")
        return None
    if subset not in subsets:
        raise DataError(f"{folder}: there is no subset {subset!r} here; found {', '.join(subsets) or 'none'}")
    return FULL if subset == "full" else (subset,)


def _sample(pts: Path, part: str | None, group: str, scheme: Scheme | None) -> Sample:
    images = [p for s in sorted(IMAGE_SUFFIXES) for p in (pts.with_suffix(s), pts.with_suffix(s.upper()))]
    image = next((p for p in images if p.exists()), None)
    if image is None:
        raise DataError(f"{pts}: no image {pts.stem}.jpg (or .png, ...) beside it")
    try:
        points = read_pts(pts)
    except ValueError as error:
        raise DataError(str(error)) from error
    where = str(pts)
    attributes = {part: True} if part is not None and part != "train" else {}
    benchmark = "" if part is None else "300w-private" if part in ("indoor", "outdoor") else "300w"
    own = infer_scheme(len(points), scheme, where)
    return make_sample(image, points, own, group, where, attributes, benchmark=benchmark)
