from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.image_io import load_image, save_image

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
Server = tuple[subprocess.Popen[str], str]
StartAnnotate = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def start_annotate(start_program) -> StartAnnotate:
    """Start `facelattice annotate`: `with start_annotate("photos", "--points", "5") as (process, address)`."""

    @contextlib.contextmanager
    def start(*arguments: str) -> Iterator[Server]:
        command = [sys.executable, "-m", "facelattice", "annotate", "--port", "0", *arguments]
        with start_program(*command) as (process, address):
            assert address.startswith("http://"), address + process.stderr.read()
            yield process, address

    return start


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Eight images with one face each, at other places, and one without a face."""
    folder = tmp_path_factory.mktemp("photos")
    photo = load_image(PHOTO)
    for i in range(8):
        shift = np.array([[1.0, 0, -80 - 7 * i], [0, 1, -20 - 4 * i]])
        save_image(folder / f"view-{i:03}.png", cv2.warpAffine(photo, shift, (280, 240)))
    save_image(folder / "wall.png", np.full((240, 280, 3), 120, np.uint8))
    return folder


@pytest.fixture(scope="module")
def browser(start_chromium):
    with start_chromium() as browser:
        yield browser
