"""JSON files of `facelattice align`: one file for each image, with everything that a Face contains."""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelattice.atomic_files import write_file
from facelattice.exceptions import FormatError
from facelattice.face import Face
from facelattice.formats.parsing import MAX_COORDINATE, check_image_name, load_json


class JsonFace(NamedTuple):
    """One face of a JSON file.

    Attributes:
        image: Name of the image as the file states it.
        points: float32 (N, 2), pixels, NaN where missing.
        mask: bool (N,), which points are present.
        expected_errors: float32 (N,), pixels.
        scheme: Name of the point scheme; "" if the file states none.
        visibility: float32 (N,), probability that each point is visible; NaN if the file does not state it.
    """

    image: str
    points: np.ndarray
    mask: np.ndarray
    expected_errors: np.ndarray
    scheme: str
    visibility: np.ndarray


def write_json(path: str | os.PathLike[str], image: str, faces: Sequence[Face], overwrite: bool = True) -> None:
    """Write the faces of one image: ``{"image": ..., "faces": [...]}``, each face as `Face.to_dict` returns it.

    Raises:
        FormatError: If a point is missing (NaN); JSON cannot state that.
        FileExistsError: If the file exists and ``overwrite`` is False.
    """
    try:
        text = json.dumps({"image": image, "faces": [face.to_dict() for face in faces]}, allow_nan=False)
    except ValueError:
        raise FormatError(f"{path}: JSON holds finite points; use CSV for faces with missing points") from None
    write_file(path, f"{text}\n", overwrite=overwrite)


def image_in_json(path: str | os.PathLike[str]) -> str | None:
    """Return the name of the image that a file of `write_json` states; None for any other file."""
    try:
        content = load_json(path) if os.path.isfile(path) else None
    except (OSError, FormatError):
        return None
    image = content.get("image") if isinstance(content, dict) and isinstance(content.get("faces"), list) else None
    return image if isinstance(image, str) else None


def images_in_json(out_dir: str | os.PathLike[str]) -> set[str]:
    """Return the names of the images whose faces `write_json` wrote into a folder."""
    return {image for path in Path(out_dir).glob("*.json") if (image := image_in_json(path)) is not None}


def read_json(path: str | os.PathLike[str]) -> list[JsonFace]:
    """Read the faces that `write_json` wrote.

    Raises:
        FormatError: If the file is damaged or of another kind; it names file and face.
    """
    content = load_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("faces"), list):
        raise FormatError(
            f"{path}: expected an object with an image and a list of faces, as `facelattice align` writes"
        )
    image = check_image_name(content.get("image"), str(path))
    faces = []
    for i, face in enumerate(content["faces"]):
        try:
            points = np.asarray(face["points"], dtype=np.float64).reshape(-1, 2)
            errors = np.asarray(face["expected_errors"], dtype=np.float64)
            visibility = np.asarray(face.get("visibility", [np.nan] * len(points)), dtype=np.float32)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"points, expected_errors and visibility must be lists of numbers: {error!r}"
            raise FormatError(f"{path}, face {i}: {reason}") from error
        mask = np.asarray(np.isfinite(points).all(1))
        if not errors.shape == visibility.shape == mask.shape or len(mask) == 0:
            raise FormatError(f"{path}, face {i}: expected points, and one expected error and visibility for each")
        if np.abs(points[mask]).max(initial=0) > MAX_COORDINATE or np.abs(errors).max(initial=0) > MAX_COORDINATE:
            raise FormatError(f"{path}, face {i}: coordinates or expected errors are too large")
        scheme = face.get("scheme", "")
        if not isinstance(scheme, str):
            raise FormatError(f"{path}, face {i}: scheme must be a name, not {reprlib.repr(scheme)}")
        faces.append(JsonFace(image, points.astype(np.float32), mask, errors.astype(np.float32), scheme, visibility))
    return faces
