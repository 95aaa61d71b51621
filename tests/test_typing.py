"""Type checkers see the types of the public API."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest.importorskip("mypy", reason="needs mypy")

SCRIPT = """
import facelattice
from facelattice import FaceAligner, Tracker, draw_faces, get_scheme, load_image

aligner = FaceAligner()
image = load_image("photo.jpg")
faces = aligner(image)
face = faces[0]
reveal_type(image)
reveal_type(faces)
reveal_type(face.points)
reveal_type(face.score)
reveal_type(face.track)
reveal_type(get_scheme("ibug68"))
reveal_type(get_scheme("ibug68").names)
reveal_type(draw_faces(image, faces))
reveal_type(Tracker(aligner))
reveal_type(Tracker(aligner)(image, 0.0))
reveal_type(next(aligner.batch(["photo.jpg"])))
reveal_type(facelattice.__version__)
facelattice.align_faces
"""
TYPES = [
    "numpy.ndarray[", "list[facelattice.face.Face]", "numpy.ndarray[", "float", "int | None",
    "facelattice.schemes.Scheme", "tuple[str, ...]", "numpy.ndarray[", "facelattice.video.tracker.Tracker",
    "list[facelattice.face.Face]", "list[facelattice.face.Face]", "str",
]  # fmt: skip


def test_public_api_is_typed(tmp_path):
    (tmp_path / "use.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file=", "--cache-dir", str(tmp_path), "use.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    revealed = re.findall(r'note: Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == len(TYPES), done.stdout + done.stderr
    for found, expected in zip(revealed, TYPES, strict=True):
        assert found.removeprefix("builtins.").startswith(expected)
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert 'has no attribute "align_faces"' in errors[0]
