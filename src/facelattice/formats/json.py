"""JSON as `align` writes it: one file for each image, all that a Face knows."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.face import Face
from facelattice.formats.files import atomic_write

_TEXT: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


def write_json(path: str | os.PathLike, image: str, faces: Sequence[Face]) -> None:
    """One image's faces: ``{"image": ..., "faces": [...]}``, each face as `Face.to_dict` gives it."""
    with atomic_write(path) as file:
        json.dump({"image": image, "faces": [face.to_dict() for face in faces]}, file, allow_nan=False)
        file.write("\n")


def images_in_json(out_dir: str | os.PathLike) -> dict[str, str]:
    """The images whose faces `write_json` wrote into a folder, each with its file's name without the suffix."""
    images = {}
    for path in Path(out_dir).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError), open(path, **_TEXT) as file:
            images[str(json.load(file)["image"])] = path.stem  # files of other programs have none
    return images


def read_json(path: str | os.PathLike) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """The faces that `write_json` wrote: (image, points float32 (N, 2), mask bool (N,), errors float32 (N,)).

    Raises ValueError, naming file and face.
    """
    try:
        with open(path, **_TEXT) as file:
            content = json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("faces"), list):
        raise ValueError(f"{path}: expected an object with an image and a list of faces, as `facelattice align` writes")
    faces = []
    for i, face in enumerate(content["faces"]):
        try:
            points = np.asarray(face["points"], dtype=np.float32).reshape(-1, 2)
            errors = np.asarray(face["expected_errors"], dtype=np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, face {i}: points and errors must be lists of numbers: {error!r}") from error
        mask = np.asarray(np.isfinite(points).all(1))
        if errors.shape != mask.shape or not isinstance(content.get("image"), str) or len(mask) == 0:
            raise ValueError(f"{path}, face {i}: expected an image's name, points, and one error for each of them")
        faces.append((content["image"], points, mask, errors))
    return faces
