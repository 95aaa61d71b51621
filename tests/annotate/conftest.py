from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest

import facelattice
from facelattice.image_io import load_image, save_image

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
Server = tuple[subprocess.Popen[str], str]
StartAnnotate = Callable[..., AbstractContextManager[Server]]


@contextlib.contextmanager
def _start_annotate(*arguments: str) -> Iterator[Server]:
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, "-m", "facelattice", "annotate", "--port", "0", *arguments]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("http://"), line + process.stderr.read()
        yield process, line.split("/    ")[0]
        process.terminate()
        process.wait(60)
    finally:
        process.kill()
        process.stderr.close()


@pytest.fixture(scope="session")
def start_annotate() -> StartAnnotate:
    """Start `facelattice annotate`: `with start_annotate("photos", "--points", "5") as (process, address)`."""
    return _start_annotate


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
def browser(tmp_path_factory):
    """Chromium, with a HOME of its own, as it writes there."""
    from playwright.sync_api import Error, sync_playwright

    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        arguments = ["--no-sandbox", "--disable-gpu"]
        try:
            browser = playwright.chromium.launch(executable_path=path, args=arguments, env=environment)
        except Error:
            pytest.skip("needs Chromium: playwright install chromium")
        yield browser
        browser.close()
