"""Runs that begin with what another learned: its checkpoint, or a model file."""

from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import pytest
import torch

from facelattice.exceptions import CheckpointError, ModelError
from facelattice.formats import read_pts
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import METADATA_KEY, Model, seal
from facelattice.training import checkpoint
from facelattice.training.config import load_recipe, recipe_from_yaml
from facelattice.training.initialize import initialize_from
from facelattice.training.onnx_export import export, load_network
from facelattice.training.prepare import load_training_data, make_network
from facelattice.training.trainer import train
from facelattice.training.unfold import unfold

STILL = {"epochs": 1, "optimizer": {"lr": 1e-12, "ema": 0.0}}


@pytest.fixture
def four(faces, tmp_path) -> dict:
    """What a recipe needs for four points of the faces."""
    table, scheme = tmp_path / "four.csv", tmp_path / "four.yaml"
    rows = [["image", *(f"{axis}{i}" for i in range(4) for axis in "xy")]]
    rows += [[str(p.with_suffix(".png")), *map(str, read_pts(p)[[36, 45, 30, 8]].ravel())] for p in faces.glob("*.pts")]
    table.write_text("\n".join(map(",".join, rows)))
    scheme.write_text("name: four\npoints: [left_eye, right_eye, nose, chin]\nocular: [left_eye, right_eye]\n")
    return {"scheme": str(scheme), "data": [{"path": str(table), "name": "four", "terms": "mine"}]}


def test_a_run_starts_from_another_with_other_points(write_recipe, four, tmp_path):
    first = train(write_recipe(epochs=1), [], tmp_path / "first")
    second = train(write_recipe(**four, **STILL, start=str(first)), [], tmp_path / "second")
    before, after = checkpoint.load(first)["ema"], checkpoint.load(second)["ema"]
    moved = [name for name in before if before[name].shape == after[name].shape and "num_batches" not in name
             and "running" not in name and not torch.allclose(before[name], after[name], atol=1e-6)]  # fmt: skip
    assert moved == []
    assert after["embedding.maps.weight"].shape[0] == 4
    learned_from = export(second, tmp_path / "four.onnx")["data"]
    assert learned_from == [{"name": "four", "terms": "mine"}, {"name": "tiny faces", "terms": "not stated"}]

    other = write_recipe(start=str(first), network={"backbone": "mobilenetv4_conv_small_050", "pretrained": False})
    with pytest.raises(CheckpointError, match=r"does not fit this recipe's; .* network.backbone=test_efficientnet$"):
        train(other, [], tmp_path / "other")
    with pytest.raises(CheckpointError, match="no such file; bundled models: ibug68, ibug68-fast, wflw98"):
        train(write_recipe(start="gone.pt"), [], tmp_path / "gone")
    with pytest.raises(ModelError, match="cannot read"):
        train(write_recipe(start="gone.onnx"), [], tmp_path / "gone")


@pytest.mark.parametrize(
    ("kind", "file"),
    [("dynamic", "run/best.pt"), ("static", "run/best.pt"), ("dense", "run/best.pt"), ("dynamic", "start.onnx")],
)
def test_weights_of_edges_go_to_the_same_edges(write_recipe, shake, tmp_path, kind, file):
    """Other faces make another graph, of as many edges: a point that lost one neighbor hears the others as before."""
    path = write_recipe(epochs=1, network={"backbone": "test_efficientnet", "pretrained": False, "edges": kind})
    recipe = load_recipe(path)
    state = checkpoint.load(train(path, [], tmp_path / "run"))
    before = load_network(state, recipe).eval()
    shake(before, 0.2)
    checkpoint.save(state | {"ema": before.state_dict()}, tmp_path / "run" / "best.pt")
    if file == "start.onnx":
        export(tmp_path / "run" / "best.pt", tmp_path / file)
    old = state["info"]["graph"]
    new = old.clone()
    for point in (3, 40):
        first = next(int(j) for j in old[point].nonzero() if j != point)
        new[point, first], new[point, 67] = False, True
    assert not old[[3, 40], 67].any()
    after = make_network(new, recipe, pretrained=False).eval()
    initialize_from(str(tmp_path / file), after, recipe, load_training_data(recipe).training)
    pooled = torch.randn(5, before.embedding.pooled, generator=torch.Generator().manual_seed(0))
    shared = torch.ones_like(old) if kind == "dense" else old & new
    with torch.inference_mode():
        heard = [edges(pooled) * shared for edges in (before.edges, after.edges)]
    # A softmax shares out among all of a row: among the edges that both have, shares are the same.
    one, other = (weights / weights.sum(-1, keepdim=True) for weights in heard)
    torch.testing.assert_close(other, one, atol=1e-3, rtol=0)  # a model file's weights are rounded to 16 bits
    assert (one.max() - one[:, shared].min()) > 0.002  # and they are not all alike


def test_a_run_starts_from_a_bundled_model(write_recipe, four, tmp_path):
    network = {"backbone": "mobilenetv2_100", "pretrained": False, "deepest": 16}
    run = train(write_recipe(**four, **STILL, network=network, start="ibug68-fast"), [], tmp_path / "run")
    info = checkpoint.load(run)["info"]
    assert info["data"][0] == {"name": "four", "terms": "mine"}
    assert info["data"][1:] == Model(find_model("ibug68-fast")).info["data"]


@pytest.mark.parametrize(
    "shaken",
    [
        [],
        ["network.closer=true", "network.symmetric=true", "mirrored=true"],
        ["network.backbone=resnet18", "network.edges=static"],
    ],
    indirect=True,
)
def test_the_network_of_a_model_file_computes_the_same(shaken, faces, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    state = checkpoint.load(shaken)
    recipe = recipe_from_yaml(state["recipe"])
    weights = unfold(Model(tmp_path / "model.onnx"), load_training_data(recipe).training, recipe.augment)
    crops = torch.from_numpy(np.stack([cv2.imread(str(p))[16:80, 16:80, ::-1] for p in sorted(faces.glob("*.png"))]))
    with torch.inference_mode():
        wanted, found = (load_network(state | {"ema": w}, recipe)(crops).points for w in (state["ema"], weights))
    np.testing.assert_allclose(found, wanted, atol=0.2, rtol=0)  # weights of a model file are rounded to 16 bits
    assert np.ptp(found.numpy(), axis=0).max() > 0.1
    statistics = [weights[name] for name in weights if name.endswith("running_mean")]
    assert all(mean.abs().max() > 0 for mean in statistics)  # of the faces: training goes on, and does not begin anew


@pytest.mark.parametrize("change", [{"recipe": None}, {"recipe": {"network": {"unheard_of": 1}}}])
def test_a_model_file_of_another_version(write_recipe, tmp_path, change):
    file = onnx.load(find_model("ibug68-fast"))
    (metadata,) = (entry for entry in file.metadata_props if entry.key == METADATA_KEY)
    metadata.value = json.dumps(json.loads(metadata.value) | change)
    (tmp_path / "other.ONNX").write_bytes(seal(file.SerializeToString()))
    with pytest.raises(CheckpointError, match="another version; begin with its checkpoint"):
        train(write_recipe(start=str(tmp_path / "other.ONNX")), [], tmp_path / "run")


def test_a_model_file_of_another_kind_of_network(write_recipe, tmp_path):
    network = {"backbone": "test_efficientnet", "pretrained": False, "head": "linear"}
    export(train(write_recipe(epochs=1, network=network), [], tmp_path / "run"), tmp_path / "linear.onnx")
    with pytest.raises(CheckpointError, match=r"linear.onnx: .* begin with its checkpoint"):
        train(write_recipe(start=str(tmp_path / "linear.onnx")), [], tmp_path / "other")
