from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.image_io import load_image

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_table_and_drawing(run):
    status, out, err = run("explain", "ibug68-fast", PHOTO)
    assert (status, err) == (0, "")
    for words in ("edge weight, occluded", "self-loop", "Written: astronaut_explained.png"):
        assert words in out
    assert load_image("astronaut_explained.png").shape[1] > 800


def test_json(run):
    status, out, err = run("explain", "ibug68-fast", PHOTO, "--point", "8", "-o", "chin.svg", "--json")
    assert (status, err) == (0, "")
    data = json.loads(out)
    assert (data["point"], data["neighbors"][0]["point"]) == (8, 8)
    assert sum(row["edge_weight"] for row in data["neighbors"]) == pytest.approx(1, abs=1e-3)
    assert Path("chin.svg").exists()


def test_largest_of_several_faces_is_used(run):
    photo = load_image(PHOTO)
    both = np.zeros((512, 768, 3), np.uint8)
    both[:256, :256] = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both[:, 256:] = photo
    cv2.imwrite("two.png", both[:, :, ::-1])
    status, out, _ = run("explain", "ibug68-fast", "two.png", "-o", "e.png")
    assert status == 0
    assert "2 faces were found; the largest is used" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jpg"], "gone.jpg"),
        ([PHOTO, "--point", "68"], "there is no point 68; ibug68 has the points 0 to 67"),
        ([PHOTO, "-o", "a.bmp"], "a.bmp: unknown file type"),
        (["blank.png"], "blank.png: no face found"),
    ],
)
def test_error_is_one_line(run, arguments, message):
    cv2.imwrite("blank.png", np.full((100, 100, 3), 90, np.uint8))
    status, _, err = run("explain", "ibug68-fast", *arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["blank.png"]
