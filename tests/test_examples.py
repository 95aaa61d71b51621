"""The scripts in examples/ run and print or write what they say."""

from __future__ import annotations

import csv
import runpy
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PACKAGES = {"tables.py": "pandas", "key_points.py": "supervision", "data_loader.py": "torch"}
IMAGE_SCRIPTS = {  # what each prints, and the files that it writes
    "python_api.py": ("nose tip at", ["astronaut_faces.jpg"]),
    "head_pose.py": ("yaw ", []),
    "measures.py": ("eyes open 0.", []),
    "regions.py": ("left_eye: center", []),
    "aligned_crops.py": ("in the image", ["arcface.png", "ffhq.png", "upright.png"]),
    "masks.py": ("written: lips.jpg, background.jpg", ["background.jpg", "lips.jpg"]),
    "tables.py": ("nose_tip_x", []),
    "key_points.py": ("(1, ", ["key_points.jpg"]),
    "data_loader.py": ("(1, 3, 112, 112), faces in 1 of 1 images", []),
    "correct_in_cvat.py": ("1 face for CVAT", ["corrected"]),
    "drawings.py": ("written: drawings.jpg, overlay.png, faces.svg", ["drawings.jpg", "faces.svg", "overlay.png"]),
}
WITHOUT_ARGUMENTS = {"python_api.py", "correct_in_cvat.py"}
VIDEO_SCRIPTS = {
    "blinks.py": ("face 1: 0 blinks", []),
    "camera.py": ("frame 3: face 1 with yaw ", ["camera.jpg"]),
    "tracks.py": ("clip_track1.nk", ["clip_track1.nk", "clip_track1_aftereffects", "clip_track1_blender.py"]),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> Callable[..., tuple[str, list[str]]]:
    """Run a script in an empty folder; returns what it prints, and the names of its files."""

    def call(name: str, *arguments: object) -> tuple[str, list[str]]:
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out, sorted(path.name for path in folder.iterdir())

    return call


def scripts_with_arguments() -> dict[str, str]:
    """Return the scripts that take an image and a model, and what they print, without those of missing packages."""
    missing = {script for script, package in PACKAGES.items() if find_spec(package) is None}
    return {script: text for script, (text, _) in IMAGE_SCRIPTS.items() if script not in WITHOUT_ARGUMENTS | missing}


@pytest.fixture
def clip(write_clip, view) -> Path:
    return write_clip("clip.mp4", ((i / 25, view(i, 20)) for i in range(4)))


@pytest.mark.parametrize("script", IMAGE_SCRIPTS)
def test_image_script(run, script):
    if script in PACKAGES:
        pytest.importorskip(PACKAGES[script], reason=f"needs {PACKAGES[script]}")
    text, files = IMAGE_SCRIPTS[script]
    printed, written = run(script)
    assert text in printed
    assert written == files


@pytest.mark.parametrize("script", VIDEO_SCRIPTS)
def test_video_script(run, clip, script):
    text, files = VIDEO_SCRIPTS[script]
    printed, written = run(script, clip, "ibug68-fast")
    assert text in printed
    assert written == files


@pytest.mark.slow
def test_turned_face_with_68_points(run, photo, tmp_path):
    path = tmp_path / "turned.png"
    cv2.imwrite(str(path), cv2.cvtColor(cv2.rotate(photo, cv2.ROTATE_90_CLOCKWISE), cv2.COLOR_RGB2BGR))
    for script, text in scripts_with_arguments().items():
        assert text in run(script, path, "ibug68")[0], script
    assert "roll 9" in run("head_pose.py", path, "ibug68")[0]


@pytest.mark.slow
def test_profile_with_98_points(run, shared_data, tmp_path):
    with open(shared_data / "mtfl5" / "merlrav.csv", newline="", encoding="utf-8") as file:
        profile = next(row["image"] for row in csv.DictReader(file) if row["pose"] == "right")
    image = cv2.imread(str(shared_data / "mtfl5" / profile))
    path = tmp_path / "profile.png"
    cv2.imwrite(str(path), cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC))
    for script, text in scripts_with_arguments().items():
        assert text in run(script, path, "wflw98")[0], script


def test_each_script_is_listed_and_tested():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert scripts == {*IMAGE_SCRIPTS, *VIDEO_SCRIPTS}
    assert all(f"`{script}`" in page for script in scripts)
