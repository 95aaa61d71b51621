from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from facelattice.cli import app
from facelattice.datasets.face_crops import FaceCrops
from facelattice.evaluation.compare import compare
from facelattice.evaluation.evaluate import evaluate
from facelattice.exceptions import CheckpointError, ExportError, ModelError
from facelattice.formats import read_pts
from facelattice.geometry import points_box
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import METADATA_KEY, Model
from facelattice.training import checkpoint
from facelattice.training import onnx_export as export_module
from facelattice.training.config import recipe_from_yaml
from facelattice.training.onnx_export import ExportedNetwork, export, load_network, to_onnx
from facelattice.training.prepare import load_training_data
from facelattice.training.trainer import train
from facelattice.training.uncertainty import calibrate_uncertainty


@pytest.mark.parametrize("shaken", [[], ["network.closer=true"]], indirect=True)
def test_a_model_file_does_what_the_network_does_for_any_batch(shaken, faces, tmp_path):
    metadata = export(shaken, tmp_path / "new" / "model.onnx")
    model = Model(tmp_path / "new" / "model.onnx")
    state = checkpoint.load(shaken)
    recipe = recipe_from_yaml(state["recipe"])
    network = load_network(state, recipe)
    calibrate_uncertainty(network, load_training_data(recipe), recipe)
    images = [cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))]
    for batch in (1, 3):
        crops = np.stack(images[:batch])
        points, errors = model(crops)
        with torch.inference_mode():
            expected = network(torch.from_numpy(crops))
        np.testing.assert_allclose(points, expected.points.numpy(), atol=0.01, rtol=0)
        np.testing.assert_allclose(errors, metadata["error_scale"] * expected.errors.numpy(), atol=0.02, rtol=0)
        np.testing.assert_allclose(model.edge_weights(crops), expected.weights.numpy(), atol=1e-4, rtol=0)
    assert np.ptp(model(np.stack(images))[0], axis=0).max() > 0.1  # and it does look at the image
    assert model.info == json.loads(json.dumps(metadata)) | {"sha256": model.info["sha256"]}


@pytest.mark.parametrize("edges", ["static", "binary", "dense"])
def test_weights_that_are_the_same_for_all_images(write_recipe, tmp_path, edges):
    recipe = write_recipe(epochs=1, network={"backbone": "test_efficientnet", "pretrained": False, "edges": edges})
    export(train(recipe, [], tmp_path / "run"), tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    weights = model.edge_weights(np.zeros((3, 64, 64, 3), np.uint8))
    assert weights.shape == (3, 68, 68)
    assert (model.info["graph"] is None) == (edges == "dense")  # that one leaves the graph aside
    assert np.array_equal(weights[0], weights[2])
    np.testing.assert_allclose(weights.sum(2), 1, atol=1e-5)


def test_a_head_without_a_graph_has_no_weights(write_recipe, tmp_path):
    recipe = write_recipe(epochs=1, network={"backbone": "test_efficientnet", "pretrained": False, "head": "linear"})
    export(train(recipe, [], tmp_path / "run"), tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    assert model.info["graph"] is None
    with pytest.raises(ModelError, match="this model has no graph"):
        model.edge_weights(np.zeros((1, 64, 64, 3), np.uint8))


def test_a_model_file_describes_itself_and_is_sealed(shaken, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    info = Model(tmp_path / "model.onnx").info
    assert info["name"] == "tiny"
    assert info["scheme"]["name"] == "ibug68"
    assert info["crop"] == {"size": 64, "margin": 1.3}
    assert info["data"] == [{"name": "tiny faces", "terms": "not stated"}]
    assert info["faces"] == {"training": 8, "held out": 4}
    assert info["detectors"] == {"yunet": None}  # too few faces to fit a mapping on
    assert info["recipe"]["network"]["backbone"] == "test_efficientnet"
    assert info["epoch"] == 1
    assert (info["graph"]["k"], len(info["graph"]["edges"]), len(info["graph"]["shape"])) == (3, 204, 68)
    assert {"format", "version", "normalization", "license", "held_out_nme", "sha256"} <= info.keys()
    data = (tmp_path / "model.onnx").read_bytes()
    assert str(tmp_path.parent).encode() not in data  # no paths of this machine, wherever the faces lay
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    with pytest.raises(ModelError, match="damaged"):
        Model(tmp_path / "damaged.onnx")


def test_a_file_that_differs_from_the_network_is_not_written(shake, shaken, tmp_path, monkeypatch):
    def tampered(outputs, size):
        data = to_onnx(outputs, size)
        shake(outputs.network, 0.3)  # the network that the file is compared with is no longer the one it was made of
        return data

    monkeypatch.setattr(export_module, "to_onnx", tampered)
    with pytest.raises(ExportError, match=r"differ by .* px"):
        export(shaken, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_backbone_in_8_bits(shaken, faces, tmp_path, monkeypatch):
    export(shaken, tmp_path / "float.onnx")
    assert export(shaken, tmp_path / "int8.onnx", int8=True)["int8"]
    kinds = {node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert "QuantizeLinear" in kinds
    crops = np.stack([cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))])
    points, _ = Model(tmp_path / "float.onnx")(crops)
    rounded, _ = Model(tmp_path / "int8.onnx")(crops)
    assert 0 < np.abs(points - rounded).mean() < 0.5

    monkeypatch.setattr(export_module, "WORSE", -1.0)
    with pytest.raises(ExportError, match=r"in 8 bits the NME .* without --int8"):
        export(shaken, tmp_path / "worse.onnx", int8=True)
    assert not (tmp_path / "worse.onnx").exists()


@pytest.mark.parametrize("edges", ["dynamic", "static"])
def test_a_mirrored_file_gives_the_mean_of_a_crop_and_its_mirror(shake, write_recipe, faces, tmp_path, edges):
    network = {"backbone": "test_efficientnet", "pretrained": False, "edges": edges}
    best = train(write_recipe(epochs=1, mirrored=True, network=network), [], tmp_path / "run")
    state = checkpoint.load(best)
    shaken = load_network(state, recipe_from_yaml(state["recipe"]))
    shake(shaken, 0.2)
    checkpoint.save(state | {"ema": shaken.state_dict()}, tmp_path / "shaken.pt")
    export(tmp_path / "shaken.pt", tmp_path / "both.onnx")
    recipe = state["recipe"].replace("mirrored: true", "mirrored: false")
    checkpoint.save(state | {"ema": shaken.state_dict(), "recipe": recipe}, tmp_path / "single.pt")
    export(tmp_path / "single.pt", tmp_path / "one.onnx")

    crops = np.stack([cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))[:3]])
    one, both = Model(tmp_path / "one.onnx"), Model(tmp_path / "both.onnx")
    mirror = one.scheme.mirror
    points, errors = one(crops)
    other, other_errors = one(np.ascontiguousarray(crops[:, :, ::-1]))
    other, other_errors = (other * [-1, 1] + [63, 0])[:, mirror], other_errors[:, mirror]
    apart = np.linalg.norm(points - other, axis=-1) / 2
    assert apart.max() > 0.3
    found, expected = both(crops)
    np.testing.assert_allclose(found, (points + other) / 2, atol=0.01)
    scales = [model.info["error_scale"] for model in (one, both)]
    mean = (errors + other_errors) / 2 / scales[0]
    np.testing.assert_allclose(expected / scales[1], np.hypot(mean, apart), atol=0.02)
    mean = one.weights(crops), one.weights(np.ascontiguousarray(crops[:, :, ::-1]))[:, mirror][:, :, mirror]
    wanted = sum(mean) / 2 if edges == "dynamic" else mean[0]
    np.testing.assert_allclose(both.weights(crops), wanted, atol=1e-4)
    turned, _ = both(np.ascontiguousarray(crops[:, :, ::-1]))
    np.testing.assert_allclose((turned * [-1, 1] + [63, 0])[:, mirror], found, atol=0.01)


def test_expected_errors_have_the_mean_of_the_true_ones_on_held_out_faces(shaken, write_recipe, tmp_path):
    metadata = export(shaken, tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    held_out = load_training_data(recipe_from_yaml(checkpoint.load(shaken)["recipe"])).held_out
    crops = FaceCrops(held_out, 64, 1.3)
    items = [crops[0, i, i] for i in range(len(held_out))]
    points, errors = model(np.stack([item["crop"].numpy() for item in items]))
    distances = np.linalg.norm(points - np.stack([item["points"].numpy() for item in items]), axis=-1)
    assert errors.mean() == pytest.approx(distances.mean(), rel=1e-3)
    assert metadata["error_scale"] != pytest.approx(1, abs=0.02)


def test_the_file_holds_its_weights_in_16_bits_unless_they_are_too_large(shaken, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    state = checkpoint.load(shaken)
    network = load_network(state, recipe_from_yaml(state["recipe"]))
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert (tmp_path / "model.onnx").stat().st_size < 2 * weights + 200_000 < len(to_onnx(ExportedNetwork(network), 64))
    # Weights that no 16 bits can hold, in a network that does the same.
    with torch.no_grad():
        network.errors.layers[0].weight *= 1e6
        network.errors.layers[0].bias *= 1e6
        network.errors.layers[2].weight /= 1e6
    checkpoint.save(state | {"ema": network.state_dict()}, tmp_path / "large.pt")
    arguments = ["export", str(tmp_path / "large.pt"), "--out", str(tmp_path / "large.onnx")]
    assert "its weights are in 32 bits, as 16 would move points" in CliRunner().invoke(app, arguments).output
    crops = np.zeros((1, 64, 64, 3), np.uint8)
    same, other = (Model(tmp_path / f"{name}.onnx") for name in ("model", "large"))
    np.testing.assert_allclose(other(crops)[0], same(crops)[0], atol=0.2)
    assert (same.info["half"], other.info["half"]) == (True, False)


def test_nothing_to_compare_on(shaken, faces, tmp_path):
    state = checkpoint.load(shaken)
    (tmp_path / "gone.pts").write_text((faces / "face00.pts").read_text())
    for path, message in ((tmp_path / "no faces here", "no such file"), (tmp_path, "gone.pts: no image")):
        checkpoint.save(state | {"recipe": state["recipe"].replace(str(faces), str(path))}, tmp_path / "moved.pt")
        with pytest.raises(ExportError, match=message):
            export(tmp_path / "moved.pt", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_weights_of_another_network_are_not_exported(shaken, tmp_path):
    state = checkpoint.load(shaken)
    state["recipe"] = state["recipe"].replace("deepest: 32", "deepest: 16")
    checkpoint.save(state, tmp_path / "older.pt")
    with pytest.raises(CheckpointError, match="the weights of the run tiny do not fit the network"):
        export(tmp_path / "older.pt", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_damaged_checkpoint_is_not_exported(shaken, tmp_path):
    shaken.write_bytes(shaken.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"shaken.pt: not a checkpoint"):
        export(shaken, tmp_path / "model.onnx")


def test_points_of_ones_own_from_a_table_to_faces(write_recipe, faces, tmp_path):
    scheme, table = tmp_path / "four.yaml", tmp_path / "four.csv"
    scheme.write_text("name: four\npoints: [left_eye, right_eye, nose, chin]\nocular: [left_eye, right_eye]\n")
    rows = [["image", *(f"{axis}{i}" for i in range(4) for axis in "xy")]]
    for pts in sorted(faces.glob("*.pts")):
        rows.append([str(pts.with_suffix(".png")), *map(str, read_pts(pts)[[36, 45, 30, 8]].ravel())])
    rows[1][7:] = ["", ""]  # a chin that is not annotated
    table.write_text("\n".join(map(",".join, rows)))
    data = [{"path": str(table), "name": "four points", "scheme": str(scheme)}]
    best = train(write_recipe(scheme=str(scheme), data=data, epochs=1), [], tmp_path / "run")
    metadata = export(best, tmp_path / "four.onnx")
    table_of_file = onnx.load(tmp_path / "four.onnx").metadata_props
    assert str(tmp_path) not in next(entry.value for entry in table_of_file if entry.key == METADATA_KEY)
    assert metadata["recipe"]["scheme"] == metadata["recipe"]["data"][0]["scheme"] == "four.yaml"

    aligner = FaceAligner(tmp_path / "four.onnx", min_score=0)
    image = cv2.imread(str(faces / "face03.png"))[..., ::-1]
    (face,) = aligner(image, boxes=[points_box(read_pts(faces / "face03.pts"))])
    assert face.points.shape == (4, 2)
    assert face.scheme.names == ("left_eye", "right_eye", "nose", "chin")
    assert np.isfinite(face.points).all()
    aligner(image)  # without a box mapping the detector's boxes are taken as they are

    result = evaluate(str(tmp_path / "four.onnx"), table)
    assert (result["faces"], result["missed"], result["normalizer"]) == (12, 0, "inter-ocular")

    # The table does not say what its points are, but the model does.
    model = str(tmp_path / "four.onnx")
    for a, b in ((model, str(table)), (str(table), model)):
        compared = compare(a, b, table)
        assert (compared["scheme"], compared["points"], compared["normalizer"]) == ("four", 4, "inter-ocular")
    shown = CliRunner().invoke(app, ["robustness", model, "--data", str(table), "-o", str(tmp_path / "curves.svg")])
    assert shown.exit_code == 0, shown.output
    shown = CliRunner().invoke(app, ["label", str(table), "--model", model, "-o", str(tmp_path / "labels.csv")])
    assert "of 12 that are annotated" in shown.output
