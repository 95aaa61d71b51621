"""300-W, and any folder of NAME.pts files beside NAME.jpg (or .png, ...), at any depth.

Layout: the parts of 300-W are folders such as helen/trainset, lfpw/testset, afw, ibug and 01_Indoor. They define the
subsets. The protocol does not depend on folders: it is that of 300-W for files with 68 points that are named like the
photos of 300-W. Points in .pts files count from 1; those of samples count from 0.

Source:
    Sagonas et al., "300 Faces In-The-Wild Challenge: The First Facial Landmark Localization Challenge", ICCVW 2013.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from facelattice.datasets.groups import group_names
from facelattice.datasets.readers.files import find_files
from facelattice.datasets.sample import Sample, infer_scheme, make_sample
from facelattice.exceptions import DataError
from facelattice.file_search import image_suffixes
from facelattice.formats import read_pts
from facelattice.messages import get_logger
from facelattice.schemes import Scheme

FULL = ("common", "challenging")
PARTS = {
    "train": ("helen/trainset", "lfpw/trainset", "afw"),
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "indoor": ("01_indoor",),  # these two are the private test set, 300W.zip
    "outdoor": ("02_outdoor",),
}
NUM_FACES = {"common": 330 + 224, "challenging": 135, "full": 330 + 224 + 135}
# Names of .pts files without suffix, by protocol: 232194_1 (HELEN, AFW), image_0018 (LFPW), image_003_1 (iBUG),
# indoor_001 (private test set). One file of iBUG is "image_092 _01"; some copies have mirrored twins.
FILE_NAMES = {
    "300w": re.compile(r"(\d+_\d+|image_\d{2,4}( ?_\d{1,2})?)(_mirror)?"),
    "300w-private": re.compile(r"(in|out)door_\d{3}"),
}
NUM_POINTS = 68


def read(folder: Path, subset: str | None = None, scheme: Scheme | None = None) -> list[Sample]:
    """Read all faces below a folder, in the order of their paths.

    Args:
        folder: The root of 300-W, one of its folders, or any other folder with .pts files.
        subset: "train", "common", "challenging", "full" (the two test parts together), "indoor" or "outdoor". It must
            be given if training and test faces are below the folder.
        scheme: Scheme of the points; None infers it from their number.

    Raises:
        DataError: If a file is damaged or has no image, or the subset does not exist; it names the file.
    """
    found = [(pts, part_of(pts.parent)) for pts in find_files(folder, ".pts")]
    parts = _choose_parts(folder, {part for _, part in found if part}, subset)
    chosen = [(pts, part) for pts, part in found if parts is None or part in parts]
    if subset in NUM_FACES and len(chosen) != NUM_FACES[subset]:
        get_logger().warning(
            "%s: %d faces; the subset %s of 300-W has %d", folder, len(chosen), subset, NUM_FACES[subset]
        )
    groups = group_names([pts.name for pts, _ in chosen])
    images = _index_images({pts.parent for pts, _ in chosen})
    return [_read_sample(pts, part, group, scheme, images) for group, (pts, part) in zip(groups, chosen, strict=True)]


def find_test_subset(folder: Path) -> str | None:
    """Return the subset that the benchmark tests; None for a folder with one part only, or without test faces."""
    parts = {part_of(parent) for parent in {pts.parent for pts in find_files(folder, ".pts")}}
    tested = [part for part in FULL if part in parts]
    if len(tested) == len(FULL):
        return "full"
    return tested[0] if tested and "train" in parts else None


def find_protocol(name: str, num_points: int) -> str:
    """Find the protocol of a face by the name of its .pts file without suffix; "" for none."""
    fits = (protocol for protocol, names in FILE_NAMES.items() if names.fullmatch(name.lower()))
    return next(fits, "") if num_points == NUM_POINTS else ""


def part_of(folder: Path) -> str | None:
    """Return the part of 300-W that a folder belongs to, by its path; None for any other folder."""
    path = folder.resolve().as_posix().lower()
    return next((part for part, ends in PARTS.items() if any(path.endswith(f"/{end}") for end in ends)), None)


def _choose_parts(folder: Path, parts: set[str], subset: str | None) -> tuple[str | None, ...] | None:
    """Return the parts to read; None for all."""
    subsets = [*sorted(parts), *(["full"] if parts & set(FULL) else [])]
    if subset is None:
        if "train" in parts and len(parts) > 1:
            raise DataError(f"{folder}: contains training and test faces; choose a subset: {', '.join(subsets)}")
        return None
    if subset not in subsets:
        raise DataError(f"{folder}: there is no subset {subset!r}; found {', '.join(subsets) or 'none'}")
    return FULL if subset == "full" else (subset,)


def _index_images(folders: set[Path]) -> dict[tuple[Path, str], Path]:
    """Index the images of folders by folder and stem; .jpg is preferred to .png, as the suffixes are sorted."""
    images: dict[tuple[Path, str], Path] = {}
    suffixes = image_suffixes()
    for folder in folders:
        for image in sorted(folder.iterdir(), key=lambda path: (path.suffix.lower(), path.name)):
            if image.suffix.lower() in suffixes and image.is_file():
                images.setdefault((folder, unicodedata.normalize("NFC", image.stem)), image)
    return images


def _read_sample(
    pts: Path, part: str | None, group: str, scheme: Scheme | None, images: dict[tuple[Path, str], Path]
) -> Sample:
    image = images.get((pts.parent, unicodedata.normalize("NFC", pts.stem)))
    if image is None:
        raise DataError(f"{pts}: there is no image {pts.stem}.jpg (or .png, ...) beside it")
    points = read_pts(pts)
    where = str(pts)
    attributes = {part: True} if part is not None and part != "train" else {}
    protocol = find_protocol(pts.stem, len(points))
    scheme = infer_scheme(len(points), scheme, where)
    return make_sample(image, points, scheme, group, where, attributes, protocol=protocol)
