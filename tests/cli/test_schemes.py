from __future__ import annotations

from pathlib import Path

import pytest

from facelattice.image_io import load_image


def test_schemes_are_listed_and_drawn(run):
    assert all(name in run("schemes")[1] for name in ("ibug68", "wflw98", "cofw29", "aflw19", "five"))
    assert run("schemes", "five", "-o", "five.png")[0] == 0
    assert load_image("five.png").shape == (900, 900, 3)


@pytest.fixture
def dog(run, write_dogs) -> tuple[Path, Path]:
    """A scheme of three points, and a table of faces with them."""
    pytest.importorskip("yaml", reason="needs yaml")
    Path("dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]", encoding="utf-8")
    return Path("dog.yaml"), write_dogs()


def test_own_scheme_is_drawn_with_its_pairs(run, dog):
    scheme, faces = dog
    status, out, _ = run("schemes", scheme)
    assert status == 0
    assert out.splitlines() == [
        "written: dog.png, dog with 3 points; their places are schematic, --data FACES takes them from your faces",
        "1 mirror pair: left_eye - right_eye; without a partner: nose",
    ]
    status, out, _ = run("schemes", scheme, "--data", faces, "-o", "mean.png")
    assert (status, out.splitlines()[0]) == (0, "written: mean.png, dog with 3 points")
    assert (load_image("dog.png") != load_image("mean.png")).any()


def test_faces_of_another_scheme_are_an_error(run, dog):
    status, _, err = run("schemes", "wflw98", "--data", dog[1])
    assert status == 2
    assert "no built-in scheme has 3 points" in err


@pytest.mark.parametrize("name", ["five.xyz", "five.pgm"])  # OpenCV raises for .xyz and returns False for .pgm
def test_unsupported_image_format_is_rejected(run, name):
    status, _, err = run("schemes", "five", "-o", name)
    assert status == 2
    assert err.splitlines()[-1] == f"{name}: an image of 900 x 900 px cannot be written as {Path(name).suffix}"
    assert list(Path().iterdir()) == []
