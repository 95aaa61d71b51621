from __future__ import annotations

from pathlib import Path

import pytest

from facelattice.image_io import load_image


def test_schemes_are_listed_and_drawn(run):
    assert all(name in run("schemes")[1] for name in ("ibug68", "wflw98", "cofw29", "aflw19", "five"))
    assert run("schemes", "five", "-o", "five.png")[0] == 0
    assert load_image("five.png").shape == (900, 900, 3)


@pytest.mark.parametrize("name", ["five.xyz", "five.pgm"])  # OpenCV raises for .xyz and returns False for .pgm
def test_unsupported_image_format_is_rejected(run, name):
    status, _, err = run("schemes", "five", "-o", name)
    assert status == 2
    assert err.splitlines()[-1] == f"{name}: an image of 900 x 900 px cannot be written as {Path(name).suffix}"
    assert list(Path().iterdir()) == []
