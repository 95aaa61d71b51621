"""COFW: 29 points, and which of them are occluded.

Layout: COFW_train_color.mat with IsTr, phisTr and bboxesTr; COFW_test_color.mat with IsT, phisT and bboxesT; or the
gray versions, without _color. A row of phis has 29 x, 29 y and 29 flags of occluded points; a row of bboxes has x, y,
width, height. MATLAB counts from 1; samples count from 0.

The photos are inside the .mat file. They are extracted once into a cache: ~/.cache/facelattice, or the folder in the
environment variable FACELATTICE_CACHE.

Source:
    Burgos-Artizzu et al., "Robust Face Landmark Estimation under Occlusion", ICCV 2013.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice.atomic_files import write_file
from facelattice.datasets.readers import matlab
from facelattice.datasets.readers.annotations import check_subset
from facelattice.datasets.sample import Sample, make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme

VARIABLE_SUFFIXES = {"train": "Tr", "test": "T"}
MAX_SIDE = 20_000  # pixels of a photo
NAMES = {f"COFW_{subset}{color}.mat": subset for subset in VARIABLE_SUFFIXES for color in ("", "_color")}


def find_files(path: Path) -> dict[str, Path]:
    """Find the file of each subset at a path, which is one of the files or their folder; color is preferred to gray."""
    candidates = [path] if path.is_file() else [path / name for name in NAMES]
    return {NAMES[file.name]: file for file in candidates if file.name in NAMES and file.is_file()}


def find_test_subset(path: Path) -> str | None:
    """Return the subset that the benchmark tests; None if the path has only one file."""
    return "test" if len(find_files(path)) > 1 else None


def read(path: Path, subset: str | None = None) -> list[Sample]:
    """Read the faces of COFW.

    Args:
        path: One of the .mat files, or their folder.
        subset: "train" or "test"; needed if the folder has both.

    Raises:
        DataError: If the subset does not exist, or the file is damaged.
        MissingDependencyError: If SciPy or h5py is not installed.
    """
    found = find_files(path)
    if subset is None and len(found) == 1:
        subset = next(iter(found))
    subset = check_subset(path, subset, found)
    file, suffix = found[subset], VARIABLE_SUFFIXES[subset]
    names = [f"Is{suffix}", f"phis{suffix}", f"bboxes{suffix}"]
    images, shapes, boxes = matlab.load(file, *names)
    paths = extract_images(file, images)
    shapes = matlab.to_numbers(shapes, (len(images), 87), f"{file}: {names[1]} of {len(images)} photos")
    boxes = matlab.to_numbers(boxes, (len(images), 4), f"{file}: {names[2]} of {len(images)} photos")
    samples = []
    for i, (image, shape, box) in enumerate(zip(paths, shapes, boxes, strict=True)):
        points = shape[:58].reshape(2, 29).T - 1
        corners = np.concatenate([box[:2] - 1, box[:2] + box[2:] - 1])
        samples.append(
            make_sample(image, points, get_scheme("cofw29"), image.stem, f"{file}, face {i + 1}",
                        hidden=shape[58:] > 0, visible=shape[58:] == 0, dataset_box=corners, protocol="cofw")
        )  # fmt: skip
    return samples


def extract_images(file: Path, images: Any) -> list[Path]:
    """Write the photos of a .mat file into the cache as PNG, unless they are there already.

    Args:
        file: The .mat file.
        images: Its photos, a list of uint8 arrays (H, W) or (H, W, 3).

    Returns:
        The path of each photo.

    Raises:
        DataError: If a photo is not an image of 8-bit numbers.
    """
    if not isinstance(images, list) or not images:
        raise DataError(f"{file}: the photos are not a cell array")
    state = file.stat()
    key = hashlib.sha256(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    cache = Path(os.environ.get("FACELATTICE_CACHE") or Path.home() / ".cache" / "facelattice")
    folder = cache / f"{file.stem}-{key.hexdigest()[:16]}"
    paths = []
    for i, image in enumerate(images, 1):
        is_image = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size > 0
        if not is_image or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or max(image.shape) > MAX_SIDE:
            raise DataError(f"{file}: photo {i} is not an image of 8-bit numbers, (H, W) or (H, W, 3)")
        paths.append(folder / f"{i:04}.png")
        if not paths[-1].exists():
            data = cv2.imencode(".png", image if image.ndim == 2 else image[:, :, ::-1])[1]
            write_file(paths[-1], data.tobytes())
    return paths
