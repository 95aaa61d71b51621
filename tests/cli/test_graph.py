from __future__ import annotations

import re
from pathlib import Path

import pytest

from facelattice.image_io import load_image

RECIPE = "name: dog\nscheme: dog.yaml\ndata: [{name: dogs, path: dogs.csv}]\nnetwork: {k: K}"


def test_graph_of_a_model(run):
    status, out, err = run("graph", "ibug68", "-o", "model.png")
    assert (status, err) == (0, "")
    assert "written: model.png, 204 edges, correlations 0.543 to 0.995" in out
    assert load_image("model.png").shape[0] > 500


def test_graph_of_data(run, faces):
    status, out, _ = run("graph", faces, "-o", "data.png", "-k", "5", "--symmetric")
    assert status == 0
    assert int(re.search(r"(\d+) edges", out)[1]) > 68 * 5
    assert Path("data.png").exists()


@pytest.mark.data
def test_graph_of_wflw(run, shared_data):
    _, out, _ = run("graph", shared_data / "WFLW", "--subset", "train", "-o", "wflw.svg")
    assert "294 edges" in out  # 98 points with 3 neighbors each


def test_graph_of_faces_with_other_points(run, write_dogs):
    faces = write_dogs()
    status, out, err = run("graph", faces, "-o", "dog.svg")
    assert (status, err) == (0, "")
    assert "6 edges" in out  # two neighbors each
    Path("dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]", encoding="utf-8")
    status, named, _ = run("graph", faces, "--scheme", "dog.yaml", "-k", "1", "-o", "named.svg")
    assert (status, "3 edges" in named) == (0, True)
    assert ">dog: 3 edges" in Path("named.svg").read_text(encoding="utf-8")
    assert "dogs: 6 edges" in Path("dog.svg").read_text(encoding="utf-8")
    status, _, err = run("graph", faces, "-k", "3", "-o", "none.svg")
    assert (status, err.count("\n")) == (2, 1)


def test_graph_of_a_recipe_with_its_own_scheme(run, write_dogs):
    write_dogs()
    Path("dog.yaml").write_text("name: dog\npoints: [left_eye, right_eye, nose]", encoding="utf-8")
    Path("recipe.yaml").write_text(RECIPE.replace("K", "1"), encoding="utf-8")
    status, out, err = run("graph", "recipe.yaml", "-o", "dog.svg")
    assert (status, err) == (0, "")
    assert "3 edges" in out
    drawn = re.findall(r'id="edge-(\d+)-(\d+)"', Path("dog.svg").read_text(encoding="utf-8"))
    assert len(set(drawn)) in (2, 3)  # two of the edges may be a pair
    status, out, err = run("graph", "recipe.yaml", "network.k=2", "-o", "two.svg")
    assert (status, err) == (0, "")
    assert "6 edges" in out
    status, _, err = run("graph", "recipe.yaml", "network.kk=2", "-o", "none.svg")
    assert (status, "did you mean network.k?" in err) == (2, True)
    status, _, err = run("graph", "dogs.csv", "network.k=2", "-o", "none.svg")
    assert (status, "only a training recipe has keys" in err) == (2, True)
    Path("recipe.yaml").write_text(RECIPE.replace("K", "3"), encoding="utf-8")
    status, _, err = run("graph", "recipe.yaml", "-o", "none.svg")
    assert status == 2
    assert "3" in err
    assert "Traceback" not in err
    assert not Path("none.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ibug68", "-o", "graph.bmp"], "graph.bmp: unknown file type; use .png, .jpg, .svg or .pdf"),
        (["ibug86", "-o", "graph.png"], "no model is named 'ibug86'"),
        (["gone.onnx", "-o", "graph.png"], "cannot read the model file"),
    ],
)
def test_error_is_one_line(run, tmp_path, arguments, message):
    status, _, err = run("graph", *arguments)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
