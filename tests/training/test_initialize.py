"""Runs that start from a checkpoint, a model file or a bundled model."""

from __future__ import annotations

import json
import re

import onnx
import pytest
import torch
import yaml

from facelattice.exceptions import CheckpointError, ModelError
from facelattice.formats import read_pts
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import METADATA_KEY, Model, seal
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import recipe_from_yaml
from facelattice.training.initialize import initialize_from, match_edge_weights, read_model
from facelattice.training.onnx_export import export, load_network, sample_crops
from facelattice.training.origin import Origin
from facelattice.training.prepare import checkpoint_metadata, landmark_graph, load_training_data, make_network
from facelattice.training.recipe_file import load_recipe
from facelattice.training.training_run import train

FROZEN = {"epochs": 1, "optimizer": {"lr": 1e-12, "ema_decay": 0.0}}  # a run that keeps its initial weights


@pytest.fixture
def four(faces, tmp_path) -> dict:
    """The recipe's entries for four points of the faces."""
    table, scheme = tmp_path / "four.csv", tmp_path / "four.yaml"
    rows = [["image", *(f"{axis}{i}" for i in range(4) for axis in "xy")]]
    rows += [[str(p.with_suffix(".png")), *map(str, read_pts(p)[[36, 45, 30, 8]].ravel())] for p in faces.glob("*.pts")]
    table.write_text("\n".join(map(",".join, rows)))
    scheme.write_text("name: four\npoints: [left_eye, right_eye, nose, chin]\nocular: [left_eye, right_eye]\n")
    return {"scheme": str(scheme), "data": [{"path": str(table), "name": "four", "terms": "mine"}]}


def test_run_with_other_points_starts_from_a_checkpoint(write_recipe, four, tmp_path):
    first = train(write_recipe(epochs=1), [], tmp_path / "first")
    second = train(write_recipe(**four, **FROZEN, init_from=str(first)), [], tmp_path / "second")
    before, after = Checkpoint.load(first).ema_weights, Checkpoint.load(second).ema_weights
    retrained = ("num_batches", "running", "uncertainty_head")  # statistics, and the head that is calibrated at the end
    changed = [
        name
        for name in before
        if before[name].shape == after[name].shape
        and not any(part in name for part in retrained)
        and not torch.allclose(before[name], after[name], atol=1e-6)
    ]
    assert changed == []
    assert after["embedding.heatmaps.weight"].shape[0] == 4
    sources = export(second, tmp_path / "four.onnx").data
    assert sources == [{"name": "four", "terms": "mine"}, {"name": "tiny faces", "terms": "not stated"}]


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"init_from": "ibug68-fsat"}, CheckpointError, r"init_from: .*ibug68-fsat: .*; did you mean ibug68-fast\?"),
        (
            {"init_from": "tiny.pt"},
            CheckpointError,
            r"init_from: .*tiny.pt: no such file.*; did you mean tiny.yaml\?",
        ),
        ({"init_from": "gone.pt"}, CheckpointError, "no such file; bundled models: ibug68, ibug68-fast, wflw98"),
        ({"init_from": "gone.onnx"}, ModelError, "cannot read"),
        (
            {"init_from": "ibug68-fast"},
            CheckpointError,
            r"does not fit this recipe \(network.backbone is test_efficientnet, there mobilenetv2_100\); remove",
        ),
    ],
)
def test_unusable_source_is_an_error(write_recipe, tmp_path, changes, kind, message):
    with pytest.raises(kind, match=message):
        train(write_recipe(**changes), [], tmp_path / "run")


@pytest.mark.parametrize("kind", ["dynamic", "static", "dense"])
def test_edge_weights_are_copied_to_the_same_edges(write_recipe, shake, kind):
    """Other faces give another graph with as many edges: two landmarks have another neighbor."""
    recipe = load_recipe(write_recipe(network={"edge_weights": kind}))
    old = torch.eye(68, dtype=torch.bool) | torch.eye(68, dtype=torch.bool).roll(1, 1)
    new = old.clone()
    for landmark in (3, 40):
        new[landmark, landmark + 1], new[landmark, 66] = False, True
    before, after = (make_network(graph, recipe, pretrained=False).eval() for graph in (old, new))
    shake(before, 0.2)
    matched = match_edge_weights(after.edge_weights, before.edge_weights.state_dict(), before.edge_weights.graph)
    after.edge_weights.load_state_dict(before.edge_weights.state_dict() | matched)
    features = torch.randn(5, before.embedding.global_dim, generator=torch.Generator().manual_seed(0))
    shared = torch.ones_like(old) if kind == "dense" else old & new
    with torch.inference_mode():
        weights = [network.edge_weights(features) * shared for network in (before, after)]
    # The softmax normalizes over all neighbors: compare the ratios among the shared edges.
    expected, found = (each / each.sum(-1, keepdim=True) for each in weights)
    torch.testing.assert_close(found, expected)
    assert (expected.max() - expected[:, shared].min()) > 0.002  # they are not all equal


@pytest.mark.parametrize("name", list_models())
def test_network_of_a_bundled_model_equals_the_model(name):
    """Its recipe and its tensors give back the network that was exported."""
    model = Model(find_model(name))
    initial = read_model(model.path)
    recipe = recipe_from_yaml(json.dumps(model.info.recipe))
    network = make_network(initial.graph, recipe, pretrained=False).eval()
    origin = initialize_from(name, network, recipe)
    counters = [key for key in network.state_dict() if key.endswith("num_batches_tracked")]
    newer = [key for key in network.state_dict() if key.startswith("visibility_head.") or key.endswith(".point_bias")]
    missing = 0 if model.info.annotation_styles else len([key for key in newer if key not in counters])
    assert origin.num_tensors == len(network.state_dict()) - len(counters) - missing
    assert (origin.data, origin.license) == (model.info.data, model.info.license)
    crops = sample_crops(model.crop_size, model.crop_margin)[:2]
    with torch.inference_mode():
        points = network(torch.from_numpy(crops)).points
        if recipe.flip_tta:
            mirrored = network(torch.from_numpy(crops[:, :, ::-1].copy())).points[:, model.scheme.mirror]
            points = (points + mirrored * torch.tensor([-1, 1]) + torch.tensor([model.crop_size - 1, 0])) / 2
    torch.testing.assert_close(points, torch.from_numpy(model(crops)[0]), atol=1e-3, rtol=0)


def test_annotation_styles_are_copied_by_name():
    """A network with other styles, or none, gives the points of the model it starts from."""
    model = Model(find_model("ibug68-fast"))
    initial = read_model(model.path)
    crops = torch.from_numpy(sample_crops(model.crop_size, model.crop_margin)[:2])

    def points(styles: list[str]) -> dict[str, torch.Tensor]:
        recipe = recipe_from_yaml(json.dumps(model.info.recipe))
        recipe.network.annotation_styles = styles
        network = make_network(initial.graph, recipe, pretrained=False).eval()
        initialize_from("ibug68-fast", network, recipe)
        with torch.inference_mode():
            found = {name: network(crops, torch.tensor([i])).points for i, name in enumerate(styles)}
            return {"mean": network(crops).points} | found

    own, other, none = points(model.info.annotation_styles), points(["mine", "WFLW"]), points([])
    assert (own["WFLW"] - own["300-W"]).abs().max() > 0.2
    for found, expected in ((other["WFLW"], own["WFLW"]), (other["mine"], own["mean"]), (none["mean"], own["mean"])):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_run_starts_from_a_bundled_model(write_recipe, four, tmp_path, capsys):
    recipe = write_recipe(**four, **FROZEN, init_from="ibug68-fast")
    settings = yaml.safe_load(recipe.read_text()) | {"network": {"depth": 1}}
    recipe.write_text(yaml.safe_dump(settings))
    run = train(recipe, [], tmp_path / "run")
    shown = capsys.readouterr().out
    assert re.search(r"\d+ of \d+ tensors are copied from ibug68-fast; network.depth is 1, there 2", shown)
    metadata = Checkpoint.load(run).metadata
    assert metadata["data"][0] == {"name": "four", "terms": "mine"}
    assert metadata["data"][1:] == Model(find_model("ibug68-fast")).info.data


@pytest.mark.parametrize(
    "shaken",
    [
        [],
        ["network.stride4_features=true", "network.symmetric=true", "flip_tta=true"],
        ["network.backbone=test_resnet", "network.edge_weights=static"],
        ["network.head=linear"],
        ["network.embedding=flatten", "network.output_bias=true"],
    ],
    indirect=True,
)
def test_model_file_is_read_back_as_a_state_dict(shaken, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    checkpoint = Checkpoint.load(shaken)
    recipe = recipe_from_yaml(checkpoint.recipe)
    weights = read_model(tmp_path / "model.onnx").weights
    for name, tensor in checkpoint.ema_weights.items():
        if not name.endswith("num_batches_tracked"):
            # float16 has 11 significant bits, and less below 6e-5
            torch.testing.assert_close(weights[name], tensor, atol=1e-6, rtol=1e-3)
    network = make_network(checkpoint.metadata["graph"], recipe, pretrained=False).eval()
    initialize_from(str(tmp_path / "model.onnx"), network, recipe)
    crops = torch.from_numpy(sample_crops(64, 1.3))
    with torch.inference_mode():
        expected = load_network(checkpoint, recipe)(crops).points
        torch.testing.assert_close(network(crops).points, expected, atol=0.2, rtol=0)


def test_quantized_model_is_rejected(shaken, write_recipe, tmp_path):
    export(shaken, tmp_path / "int8.onnx", int8=True)
    with pytest.raises(CheckpointError, match="its backbone is quantized"):
        train(write_recipe(init_from=str(tmp_path / "int8.onnx")), [], tmp_path / "other")


def test_model_file_with_another_network_is_rejected(write_recipe, tmp_path):
    file = onnx.load(find_model("ibug68-fast"))
    for tensor in file.graph.initializer:
        tensor.name = tensor.name.replace("network.", "net.")
    for node in file.graph.node:
        node.input[:] = [name.replace("network.", "net.") for name in node.input]
        node.output[:] = [name.replace("network.", "net.") for name in node.output]
    assert any(entry.key == METADATA_KEY for entry in file.metadata_props)
    (tmp_path / "other.ONNX").write_bytes(seal(file.SerializeToString()))
    with pytest.raises(CheckpointError, match="its backbone does not fit this recipe"):
        train(write_recipe(init_from=str(tmp_path / "other.ONNX")), [], tmp_path / "run")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("not stated", "not stated", "not stated"),
        ("not stated", "mine", "mine"),
        ("research use only", "not stated", "research use only"),
        ("research use only", "research use only", "research use only"),
        ("research use only", "mine", "mine; initial weights: research use only"),
    ],
)
def test_license_of_the_initial_weights_is_inherited(write_recipe, first, second, expected):
    recipe = load_recipe(write_recipe(license=second, detector=None))
    data = load_training_data(recipe)
    metadata = checkpoint_metadata(data, recipe, landmark_graph(data, recipe), Origin([], first))
    assert metadata["license"] == expected


def test_license_and_terms_of_the_initial_weights_are_exported(write_recipe, tmp_path):
    best = train(write_recipe(epochs=1, license="research use only"), [], tmp_path / "first")
    again = train(write_recipe(epochs=1, license="mine", init_from=str(best)), [], tmp_path / "again")
    info = export(again, tmp_path / "model.onnx")
    assert info.license == "mine; initial weights: research use only"
    assert info.data == [{"name": "tiny faces", "terms": "not stated"}]  # once, though both runs used them
