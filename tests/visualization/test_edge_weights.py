from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.visualization.edge_weights import draw_edge_weights, explain_point

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return load_image(PHOTO)


@pytest.fixture(scope="module")
def face(model, image) -> Face:
    (face,) = FaceAligner(model)(image)
    return face


@pytest.mark.parametrize("point", [None, 48])
def test_edge_weights_are_those_of_the_model(model, image, face, point):
    e = explain_point(model, image, face, point)
    size = model.crop_size
    crop = geometry.warp(image, geometry.crop_transform(face.box, size, model.crop_margin), size)
    assert np.array_equal(e.crops[0], crop)
    original, occluded = model.edge_weights(e.crops)
    np.testing.assert_allclose(e.edge_weights, original[e.point, e.neighbors], atol=1e-6)
    np.testing.assert_allclose(e.edge_weights_occluded, occluded[e.point, e.neighbors], atol=1e-6)
    assert e.edge_weights.sum() == pytest.approx(1, abs=1e-5)
    assert e.neighbors[0] == e.point
    assert list(e.edge_weights[1:]) == sorted(e.edge_weights[1:], reverse=True)
    if point is None:
        entropies = -(original * np.log(np.maximum(original, 1e-12))).sum(1)
        assert entropies[e.point] == entropies.max()
    else:
        assert e.point == point


@pytest.mark.parametrize("point", range(0, 68, 6))
def test_disc_covers_the_strongest_neighbor_but_not_the_point(model, image, face, point):
    e = explain_point(model, image, face, point)
    assert (e.occluded[0], e.occluded[1]) == (False, True)
    (x, y), (nx, ny) = np.round(e.points[0][e.neighbors[:2]]).astype(int)
    last = len(e.crops[0]) - 1
    assert (e.crops[1][min(ny, last), min(nx, last)] == 128).all()
    assert np.array_equal(e.crops[1][y, x], e.crops[0][y, x])


def test_dictionary_for_json(model, image, face):
    e = explain_point(model, image, face, 8)
    data = e.to_dict()
    assert set(data) == {"model", "point", "name", "displacement_px", "crop_size", "neighbors"}
    assert (data["model"], data["point"], data["name"]) == ("ibug68", 8, model.scheme.names[8])
    assert data["crop_size"] == model.crop_size
    assert data["displacement_px"] == pytest.approx(np.hypot(*(e.points[1, 8] - e.points[0, 8])), abs=0.01)
    assert [set(row) for row in data["neighbors"]] == [
        {"point", "name", "edge_weight", "edge_weight_occluded", "occluded"}
    ] * len(e.neighbors)
    assert data["neighbors"][0]["edge_weight"] == pytest.approx(e.edge_weights[0], abs=1e-4)


def test_drawing_names_the_neighbors(model, image, face, tmp_path):
    e = explain_point(model, image, face, 8)
    draw_edge_weights(e, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    names = [f"{i} {model.scheme.names[i]}" for i in e.neighbors[1:]]
    for words in ("original: landmark 8", "occluded: landmark 8", "edge weight", "neighbors", *names):
        assert f">{words}" in text


def test_unknown_point_is_rejected(model, image, face):
    with pytest.raises(ArgumentError, match="there is no point 68; ibug68 has the points 0 to 67"):
        explain_point(model, image, face, 68)


def test_point_without_neighbors_is_rejected(model, image, face, monkeypatch):
    identity = np.eye(68, dtype=np.float32)
    monkeypatch.setattr(model, "edge_weights", lambda crops: np.stack([identity] * len(crops)))
    with pytest.raises(ArgumentError, match="point 3 has no neighbors"):
        explain_point(model, image, face, 3)
