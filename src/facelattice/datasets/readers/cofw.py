"""COFW: 29 points and which of them are covered. COFW68: its test photos with 68 points.

Burgos-Artizzu et al., "Robust face landmark estimation under occlusion", ICCV 2013: COFW_train_color.mat with IsTr,
phisTr, bboxesTr and COFW_test_color.mat with IsT, phisT, bboxesT (or the gray ones, without _color). A row of phis is
29 x, 29 y and 29 flags of covered points; of bboxes x, y, width, height.

Ghiasi and Fowlkes, "Occlusion coherence", 2015: COFW68_Data/test_annotations/NUMBER_points.mat with Points (68, 2) and
Occ, and cofw68_test_bboxes.mat. MATLAB counts from 1; samples count from 0.

The photos lie inside the .mat: they are taken out once, into a folder of the cache, ~/.cache/facelattice or what the
environment variable FACELATTICE_CACHE says.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np

from facelattice.datasets.readers import matlab
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.formats import atomic_write
from facelattice.schemes import get_scheme

PARTS = {"train": "Tr", "test": "T"}
NAMES = {f"COFW_{part}{color}.mat": part for part in PARTS for color in ("", "_color")}


def files(path: Path) -> dict[str, Path]:
    """The file of each part at a path, which is one of them or the folder they lie in; color before gray."""
    named = [path] if path.is_file() else [path / name for name in NAMES]
    return {NAMES[file.name]: file for file in named if file.name in NAMES and file.is_file()}


def read(path: Path, subset: str | None = None) -> list[Sample]:
    """The faces of COFW. ``subset``: "train" or "test", where the folder has both. Raises DataError."""
    found = files(path)
    if subset is None and len(found) == 1:
        subset = next(iter(found))
    if subset not in found:
        raise DataError(f"{path}: COFW has parts of its own; choose a subset out of {', '.join(found)}, not {subset!r}")
    file, ending = found[subset], PARTS[subset]
    images, shapes, boxes = matlab.load(file, f"Is{ending}", f"phis{ending}", f"bboxes{ending}")
    if np.ndim(shapes) != 2 or np.shape(shapes) != (len(images), 87) or np.shape(boxes) != (len(images), 4):
        raise DataError(
            f"{file}: {len(images)} photos, points {np.shape(shapes)} and boxes {np.shape(boxes)}; expected 87 and 4 "
            "values for each photo"
        )
    paths = _taken_out(file, images)
    samples = []
    for i, (image, shape, box) in enumerate(zip(paths, np.float64(shapes), np.float64(boxes), strict=True)):
        points = shape[:58].reshape(2, 29).T - 1
        given = np.concatenate([box[:2] - 1, box[:2] + box[2:] - 1])
        samples.append(
            make_sample(image, points, get_scheme("cofw29"), image.stem, f"{file}, face {i + 1}",
                        hidden=shape[58:] > 0, dataset_box=given, benchmark="cofw")
        )  # fmt: skip
    return samples


def annotations68(path: Path) -> Path | None:
    """The folder of COFW68's annotations: at the path, in it, or the path itself; None where there is none."""
    folders = (path / "COFW68_Data" / "test_annotations", path / "test_annotations", path)
    return next((folder for folder in folders if next(folder.glob("*_points.mat"), None)), None)


def read68(path: Path, subset: str | None = None) -> list[Sample]:
    """The faces of COFW68, whose photos are those of COFW's test file, beside or above. Raises DataError."""
    folder = annotations68(path)
    if folder is None:
        raise DataError(f"{path}: there are no NUMBER_points.mat, as COFW68's test_annotations has them")
    if subset is not None:
        raise DataError(f"{path}: COFW68 is a test set without subsets, so there is no {subset!r}")
    above = [folder, *folder.parents[:3]]
    file = next((files(place)["test"] for place in above if "test" in files(place)), None)
    if file is None:
        raise DataError(f"{folder}: the photos are missing; put COFW_test_color.mat beside it, or one folder above")
    (images,) = matlab.load(file, "IsT")
    paths = _taken_out(file, images)
    boxes_file = folder.parent / "cofw68_test_bboxes.mat"
    boxes = matlab.load(boxes_file, "bboxes")[0] if boxes_file.exists() else None
    samples = []
    for annotation in sorted(folder.glob("*_points.mat"), key=lambda p: (len(p.name), p.name)):
        number = annotation.name.removesuffix("_points.mat")
        if not number.isdecimal() or not 1 <= int(number) <= len(paths):
            raise DataError(f"{annotation}: there is no photo {number}; {file.name} has {len(paths)}")
        points, covered = matlab.load(annotation, "Points", "Occ")
        if np.shape(points) != (68, 2) or np.size(covered) != 68:
            raise DataError(f"{annotation}: Points {np.shape(points)} and Occ {np.shape(covered)} are not of 68 points")
        given = None
        if boxes is not None and np.shape(boxes) == (len(paths), 4):
            x, y, width, height = np.float64(boxes[int(number) - 1])
            given = np.array([x - 1, y - 1, x + width - 1, y + height - 1])
        samples.append(
            make_sample(paths[int(number) - 1], np.float64(points) - 1, get_scheme("ibug68"), number, str(annotation),
                        hidden=np.ravel(covered) > 0, dataset_box=given, benchmark="cofw68")
        )  # fmt: skip
    return samples


def _taken_out(file: Path, images: list[np.ndarray]) -> list[Path]:
    """The photos of a .mat as PNG files, written where they are not there yet."""
    state = file.stat()
    key = hashlib.sha256(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    cache = Path(os.environ.get("FACELATTICE_CACHE") or Path.home() / ".cache" / "facelattice")
    folder = cache / f"{file.stem}-{key.hexdigest()[:16]}"
    paths = []
    for i, image in enumerate(images, 1):
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise DataError(f"{file}: photo {i} is no image of 8-bit numbers")
        paths.append(folder / f"{i:04}.png")
        if not paths[-1].exists():
            data = cv2.imencode(".png", image if image.ndim == 2 else image[:, :, ::-1])[1]
            with atomic_write(paths[-1], "wb") as out:
                out.write(data.tobytes())
    return paths
