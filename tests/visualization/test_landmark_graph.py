"""The landmark graph drawn, from models and from data."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facelattice.cli import app
from facelattice.exceptions import ModelError
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme, get_scheme
from facelattice.visualization.landmark_graph import LandmarkGraph, draw, of_model


@pytest.fixture(scope="module")
def bundled() -> Model:
    return Model(find_model("ibug68"))


def test_the_bundled_model_carries_its_graph(bundled):
    lattice = of_model(bundled)
    listeners = [i for i, _, _ in lattice.edges]
    assert (lattice.k, lattice.symmetric, len(lattice.edges)) == (3, False, 204)
    assert sorted(listeners) == sorted(list(range(68)) * 3)
    mirror = lattice.scheme.mirror
    edges = {(i, j) for i, j, _ in lattice.edges}
    # The nose tip, on the axis, has room for one nostril only.
    assert sum((mirror[i], mirror[j]) in edges for i, j in edges) == 203
    assert all(0.5 < c < 1 for _, _, c in lattice.edges)


def test_weights_lie_on_the_edges_and_are_1_in_sum(bundled):
    edges = {(i, j) for i, j, _ in of_model(bundled).edges} | {(i, i) for i in range(68)}
    mirror = bundled.scheme.mirror  # the file looks at the mirrored crop too
    edges |= {(int(mirror[i]), int(mirror[j])) for i, j in edges}
    crops = np.random.default_rng(0).integers(0, 256, (3, bundled.size, bundled.size, 3), dtype=np.uint8)
    weights = bundled.edge_weights(crops)
    assert weights.shape == (3, 68, 68)
    np.testing.assert_allclose(weights.sum(2), 1, atol=1e-5)
    assert {(int(i), int(j)) for i, j in np.argwhere(weights.max(0) > 0)} <= edges
    assert np.abs(weights[0] - weights[1]).max() > 1e-3  # they are made anew for each image
    assert bundled.edge_weights(crops[:0]).shape == (0, 68, 68)
    with pytest.raises(ValueError, match="crops must be uint8"):
        bundled.edge_weights(crops.astype(np.float32))


def test_every_edge_is_drawn_once(bundled, tmp_path):
    lattice = of_model(bundled)
    draw(lattice, tmp_path / "graph.svg")
    drawn = re.findall(r'id="edge-(\d+)-(\d+)"', (tmp_path / "graph.svg").read_text())
    pairs = {frozenset((i, j)) for i, j, _ in lattice.edges}
    assert {frozenset(map(int, edge)) for edge in drawn} == pairs
    assert len(drawn) == len(pairs) == 131
    before = (tmp_path / "graph.svg").read_bytes()
    draw(lattice, tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_bytes() == before


def test_the_verb_draws_models_and_data(faces, tmp_path):
    result = CliRunner().invoke(app, ["graph", "ibug68", "-o", str(tmp_path / "model.png")])
    assert result.exit_code == 0
    assert "204 edges, correlations 0.512 to 0.996" in result.output
    assert load_image(tmp_path / "model.png").shape[0] > 500
    command = ["graph", str(faces), "-o", str(tmp_path / "data.png"), "-k", "5", "--symmetric"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert int(re.search(r"(\d+) edges", result.output)[1]) > 68 * 5


def test_a_recipe_says_what_points_of_ones_own_are(tmp_path, monkeypatch):
    """A dog has two eyes and a nose: each of the three listens to the one that it moves with most."""
    monkeypatch.chdir(tmp_path)
    moves = np.random.default_rng(0).normal(size=(60, 3, 2)).round(1)
    faces = np.array([[20, 20], [40, 20], [30, 40]]) + moves
    rows = [",".join([f"{i}.jpg", *map(str, face.ravel())]) for i, face in enumerate(faces)]
    Path("dogs.csv").write_text("\n".join(["image,x0,y0,x1,y1,x2,y2", *rows]))
    Path("dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]")
    recipe = "name: dog\nscheme: dog.yaml\ndata: [{name: dogs, path: dogs.csv}]\nnetwork: {k: 1}"
    Path("recipe.yaml").write_text(recipe)
    result = CliRunner().invoke(app, ["graph", "recipe.yaml", "-o", "dog.svg"])
    assert (result.exit_code, "3 edges" in result.output) == (0, True), result.output
    assert len(set(re.findall(r'id="edge-(\d+)-(\d+)"', Path("dog.svg").read_text()))) in (2, 3)
    Path("recipe.yaml").write_text(recipe.replace("k: 1", "k: 3"))
    result = CliRunner().invoke(app, ["graph", "recipe.yaml", "-o", "none.svg"])
    assert result.exit_code == 2
    assert "k must be from 0 to 2 for 3 points, not 3" in " ".join(result.output.split())
    assert not Path("none.svg").exists()


def test_a_graph_without_edges_is_drawn_too(bundled, tmp_path, monkeypatch):
    """network.k=0: nobody listens to anybody."""
    monkeypatch.setattr("facelattice.visualization.landmark_graph.of_model", lambda model: LandmarkGraph(model.scheme, 0, False, [], None))
    result = CliRunner().invoke(app, ["graph", "ibug68", "-o", str(tmp_path / "none.png")])
    assert result.exit_code == 0
    assert "0 edges" in result.output
    assert load_image(tmp_path / "none.png").shape[0] > 500


def test_the_graph_of_real_faces_moves_together(shared_data, tmp_path):
    path = tmp_path / "wflw.svg"
    command = ["graph", str(shared_data / "WFLW"), "--subset", "train", "-o", str(path)]
    assert "294 edges" in CliRunner().invoke(app, command).output  # 98 points, 3 neighbors each


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ibug68", "-o", "graph.bmp"], "cannot draw into such a file; .png, .jpg, .svg and .pdf can be"),
        (["ibug86", "-o", "graph.png"], "no model is named 'ibug86'"),
        (["gone.onnx", "-o", "graph.png"], "cannot read the model file"),
    ],
)
def test_a_users_mistake_is_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["graph", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_mean_face_cannot_be_drawn(tmp_path):
    dog = Scheme.from_dict({"name": "dog", "points": 3})
    with pytest.raises(ValueError, match="no complete face of dog"):
        draw(LandmarkGraph(dog, 1, False, [(0, 1, 0.9)], None), tmp_path / "a.png")
    draw(LandmarkGraph(dog, 1, False, [(0, 1, 0.9)], np.array([[0, 0], [1, 0], [0.5, 1]])), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


def test_a_model_without_a_graph_says_so(bundled, monkeypatch):
    monkeypatch.setattr(bundled, "info", replace(bundled.info, graph=None))
    with pytest.raises(ModelError, match="states no graph"):
        of_model(bundled)


def test_looking_at_a_model_needs_no_torch(tmp_path):
    script = (
        "import sys; from facelattice.cli import app\n"
        "app(['graph', 'ibug68', '-o', 'a.png'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_scheme_is_kept():
    lattice = LandmarkGraph(get_scheme("five"), 1, True, [(0, 1, 0.98765)], np.zeros((5, 2)))
    assert lattice.to_dict()["edges"] == [[0, 1, 0.9877]]
