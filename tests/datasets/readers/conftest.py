from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.formats import write_pts
from facelattice.schemes import get_scheme, mean_shape


def _write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))
    return path


@pytest.fixture
def write_image() -> Callable[[Path], Path]:
    """Writes a black image of 80 x 60 px."""
    return _write_image


@pytest.fixture
def write_300w() -> Callable[..., Path]:
    """Writes a tree with one annotated face in each of some folders."""

    def write(root: Path, *folders: str) -> Path:
        for folder in folders:
            _write_image(root / folder / "12_1.png")
            write_pts(root / folder / "12_1.pts", mean_shape(get_scheme("ibug68")) * 40)
        return root

    return write


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The folder into which photos of .mat files are extracted."""
    monkeypatch.setenv("FACELATTICE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
