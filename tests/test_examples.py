"""The scripts in examples/ run and print or write what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import facelattice

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(tmp_path: Path, name: str, *arguments: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(facelattice.__file__).parents[1])}
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("script", "text", "files"), [
    ("python_api.py", "nose tip at", ["astronaut_faces.jpg"]),
    ("head_pose.py", "yaw 2, pitch -6, roll 3 degrees", []),
    ("aligned_crops.py", "in the image", ["astronaut_arcface.png", "astronaut_ffhq.png", "astronaut_upright.png"]),
    ("correct_in_cvat.py", "1 face for CVAT; not kept: ", ["corrected"]),
    ("masks.py", "", ["astronaut_background.jpg", "astronaut_lips.jpg"]),
])  # fmt: skip
def test_script(tmp_path, script, text, files):
    assert text in run(tmp_path, script)
    assert sorted(path.name for path in tmp_path.iterdir()) == files


def test_tables(tmp_path):
    pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("supervision", reason="needs supervision")
    assert "(1, 68, 2)" in run(tmp_path, "tables.py")


def test_blinks(tmp_path, write_clip, view):
    clip = write_clip("clip.mp4", ((i / 25, view(i, 20)) for i in range(4)))
    assert "face 1: 0 blinks" in run(tmp_path, "blinks.py", clip)


def test_each_script_is_listed_and_tested():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    page, tests = ((path).read_text(encoding="utf-8") for path in (EXAMPLES / "README.md", Path(__file__)))
    for script in scripts:
        assert f"`{script}`" in page
        assert f'"{script}"' in tests
