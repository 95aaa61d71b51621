from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facelattice.datasets.readers import matlab, matlab_process
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


@pytest.fixture
def parse_here(monkeypatch) -> None:
    """Parse .mat files in this process, as the start of another takes a second; test_matlab.py tests the other."""

    def run(command: list[str], *, input: bytes, cwd: str, **_: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(input.decode()))
            patch.chdir(cwd)
            matlab_process.main()

    monkeypatch.setattr(matlab_process, "_limit_memory", lambda num_bytes: None)
    monkeypatch.setattr(matlab.subprocess, "run", run)
