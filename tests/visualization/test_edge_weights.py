"""What a point listens to, before and with a patch."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facelattice import geometry
from facelattice.cli import app
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.visualization.edge_weights import draw, explain

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner("ibug68")


def test_the_weights_are_those_of_the_model_on_both_crops(aligner):
    image = load_image(PHOTO)
    (face,) = aligner(image)
    for point in (None, 48):
        e = explain(aligner.model, image, face, point)
        before, after = aligner.model.edge_weights(e.crops)
        assert e.neighbors[0] == e.point
        np.testing.assert_allclose(e.before, before[e.point, e.neighbors], atol=1e-6)
        np.testing.assert_allclose(e.after, after[e.point, e.neighbors], atol=1e-6)
        assert e.before.sum() == pytest.approx(1, abs=1e-5)
        assert list(e.before[1:]) == sorted(e.before[1:], reverse=True)
        size = aligner.model.crop_size
        crop = geometry.warp(image, geometry.crop_transform(face.box, size, aligner.model.crop_margin), size)
        assert np.array_equal(e.crops[0], crop)
    assert e.point == 48


@pytest.mark.parametrize("point", range(0, 68, 3))
def test_the_patch_hides_the_strongest_neighbor_and_never_the_point(aligner, point):
    image = load_image(PHOTO)
    (face,) = aligner(image)
    e = explain(aligner.model, image, face, point)
    assert (e.covered[0], e.covered[1]) == (False, True)
    (x, y), (nx, ny) = np.round(e.points[0][e.neighbors[:2]]).astype(int)
    size = len(e.crops[0]) - 1
    assert (e.crops[1][min(ny, size), min(nx, size)] == 128).all()
    assert np.array_equal(e.crops[1][y, x], e.crops[0][y, x])


def test_the_verb_end_to_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["explain", "ibug68", str(PHOTO)])
    assert result.exit_code == 0
    assert "itself" in result.output
    assert load_image(tmp_path / "astronaut_explained.png").shape[1] > 800
    result = CliRunner().invoke(app, ["explain", "ibug68", str(PHOTO), "--point", "8", "-o", "chin.svg", "--json"])
    data = json.loads(result.output)
    assert (data["point"], len(data["neighbors"])) == (8, 4)
    assert (tmp_path / "chin.svg").exists()


def test_the_largest_of_several_faces(tmp_path):
    photo = load_image(PHOTO)
    small = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both = np.zeros((512, 768, 3), np.uint8)
    both[:256, :256], both[:, 256:] = small, photo
    cv2.imwrite(str(tmp_path / "two.png"), both[:, :, ::-1])
    result = CliRunner().invoke(app, ["explain", "ibug68", str(tmp_path / "two.png"), "-o", str(tmp_path / "e.png")])
    assert result.exit_code == 0
    assert "2 faces were found; this is the largest" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jpg"], "gone.jpg"),
        ([str(PHOTO), "--point", "68"], "there is no point 68; ibug68 has 0 to 67"),
        ([str(PHOTO), "-o", "a.bmp"], "cannot draw into such a file"),
        (["blank.png"], "blank.png: no face found"),
    ],
)
def test_a_users_mistake_is_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("blank.png", np.full((100, 100, 3), 90, np.uint8))
    result = CliRunner().invoke(app, ["explain", "ibug68", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["blank.png"]


def test_a_point_without_neighbors_has_nothing_to_hide(aligner, monkeypatch, tmp_path):
    image = load_image(PHOTO)
    (face,) = aligner(image)
    monkeypatch.setattr(aligner.model, "weights", lambda crops: np.stack([np.eye(68, dtype=np.float32)] * len(crops)))
    with pytest.raises(ValueError, match="point 3 listens to no other"):
        explain(aligner.model, image, face, 3)
    assert not (tmp_path / "a.png").exists()
    monkeypatch.undo()
    draw(explain(aligner.model, image, face, 3), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()
