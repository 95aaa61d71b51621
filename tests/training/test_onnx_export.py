from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from facelattice.cli import app
from facelattice.evaluation.compare import compare
from facelattice.evaluation.evaluate import evaluate
from facelattice.exceptions import ArgumentError, CheckpointError, ExportError, ModelError
from facelattice.formats import read_pts
from facelattice.geometry import points_box
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import METADATA_KEY, Model
from facelattice.training import onnx_export
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import recipe_from_yaml
from facelattice.training.onnx_export import ExportedNetwork, export, load_network, to_onnx
from facelattice.training.training_run import train


@pytest.mark.parametrize("shaken", [[], ["network.stride4_features=true"]], indirect=True)
def test_model_file_equals_the_network_for_any_batch_size(shaken, faces, tmp_path):
    metadata = export(shaken, tmp_path / "new" / "model.onnx")
    model = Model(tmp_path / "new" / "model.onnx")
    state = Checkpoint.load(shaken)
    recipe = recipe_from_yaml(state.recipe)
    network = load_network(state, recipe)
    images = [cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))]
    for batch in (1, 3):
        crops = np.stack(images[:batch])
        points, errors, visibility = model(crops)
        with torch.inference_mode():
            expected = network(torch.from_numpy(crops))
        np.testing.assert_allclose(points, expected.points.numpy(), atol=0.01, rtol=0)
        np.testing.assert_allclose(errors, metadata.error_scale * expected.expected_errors.numpy(), atol=0.02, rtol=0)
        np.testing.assert_allclose(visibility, expected.visibility_logits.sigmoid().numpy(), atol=1e-3, rtol=0)
        np.testing.assert_allclose(model.edge_weights(crops), expected.edge_weights.numpy(), atol=1e-4, rtol=0)
    assert np.ptp(model(np.stack(images))[0], axis=0).max() > 0.1  # and it depends on the image
    assert model.info.to_dict() | {"sha256": "0" * 64} == metadata.to_dict()


@pytest.mark.parametrize("shaken", [["network.annotation_styles=[a,b]"]], indirect=True)
def test_model_file_takes_an_annotation_style(shaken, faces, tmp_path):
    file, state = tmp_path / "model.onnx", Checkpoint.load(shaken)
    state.ema_weights["embedding.style_embedding"][1] = 9.0
    state.style_offsets = {"b": [0.1, -0.05]}
    state.save(shaken)
    assert export(shaken, file).annotation_styles == ["a", "b"]
    network = load_network(state, recipe_from_yaml(state.recipe))
    crops = np.stack([cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))[:3]])
    found = {style: Model(file, annotation_style=style)(crops).points for style in (None, "a", "b")}
    for style, number, offset in ((None, -1, [0, 0]), ("a", 0, [0, 0]), ("b", 1, [6.4, -3.2])):
        with torch.inference_mode():
            expected = network(torch.from_numpy(crops), torch.tensor([number])).points.numpy() + offset
        np.testing.assert_allclose(found[style], expected, atol=0.01, rtol=0)
    assert np.abs(found["a"] - found["b"]).max() > 0.05
    assert Model(file, annotation_style="b").__reduce__()[1][-1] == "b"
    with pytest.raises(ArgumentError, match="the annotation style is one of a, b, not 'c'"):
        Model(file, annotation_style="c")


@pytest.mark.parametrize("kind", ["static", "binary", "dense"])
def test_edge_weights_that_are_the_same_for_all_images(write_recipe, tmp_path, kind):
    recipe = write_recipe(epochs=1, network={"edge_weights": kind})
    export(train(recipe, [], tmp_path / "run"), tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    weights = model.edge_weights(np.zeros((3, 64, 64, 3), np.uint8))
    assert weights.shape == (3, 68, 68)
    assert (model.info.graph is None) == (kind == "dense")  # which uses no graph
    assert np.array_equal(weights[0], weights[2])
    np.testing.assert_allclose(weights.sum(2), 1, atol=1e-5)


def test_linear_head_has_no_edge_weights(write_recipe, tmp_path):
    recipe = write_recipe(epochs=1, network={"head": "linear"})
    export(train(recipe, [], tmp_path / "run"), tmp_path / "model.onnx")
    model = Model(tmp_path / "model.onnx")
    assert model.info.graph is None
    with pytest.raises(ModelError, match="its head is not a graph"):
        model.edge_weights(np.zeros((1, 64, 64, 3), np.uint8))


def test_model_file_describes_itself_and_detects_damage(shaken, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    info = Model(tmp_path / "model.onnx").info
    assert info.name == "tiny"
    assert info.scheme.name == "ibug68"
    assert (info.crop_size, info.crop_margin) == (64, 1.3)
    assert info.data == [{"name": "tiny faces", "terms": "not stated"}]
    assert info.faces == {"train": 8, "val": 4}
    assert info.detectors == {"yunet": None}  # too few faces to fit a mapping on
    assert info.recipe["network"]["backbone"] == "test_efficientnet"
    assert info.epoch == 1
    assert (info.graph["k"], len(info.graph["edges"]), len(info.graph["shape"])) == (3, 204, 68)
    assert info.val_nme > 0
    data = (tmp_path / "model.onnx").read_bytes()
    assert str(tmp_path.parent).encode() not in data  # no paths of this machine
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(damaged)
    with pytest.raises(ModelError, match="damaged"):
        Model(tmp_path / "damaged.onnx")


def test_file_that_differs_from_the_network_is_not_written(shake, shaken, tmp_path, monkeypatch):
    def tampered(outputs, size):
        data = to_onnx(outputs, size)
        shake(outputs.network, 0.3)  # the file is compared with another network
        return data

    monkeypatch.setattr(onnx_export, "to_onnx", tampered)
    with pytest.raises(ExportError, match=r"differ by .* px"):
        export(shaken, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_flip_tta_averages_a_crop_and_its_mirror_image(shake, write_recipe, faces, tmp_path, kind):
    network = {"edge_weights": kind}
    best = train(write_recipe(epochs=1, flip_tta=True, network=network), [], tmp_path / "run")
    state = Checkpoint.load(best)
    shaken = load_network(state, recipe_from_yaml(state.recipe))
    shake(shaken, 0.2)
    replace(state, ema_weights=shaken.state_dict()).save(tmp_path / "shaken.pt")
    export(tmp_path / "shaken.pt", tmp_path / "both.onnx")
    recipe = state.recipe.replace("flip_tta: true", "flip_tta: false")
    replace(state, ema_weights=shaken.state_dict(), recipe=recipe).save(tmp_path / "single.pt")
    export(tmp_path / "single.pt", tmp_path / "one.onnx")

    crops = np.stack([cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))[:3]])
    one, both = Model(tmp_path / "one.onnx"), Model(tmp_path / "both.onnx")
    mirror = one.scheme.mirror
    points, errors, visibility = one(crops)
    other, other_errors, other_visibility = one(np.ascontiguousarray(crops[:, :, ::-1]))
    other, other_errors = (other * [-1, 1] + [63, 0])[:, mirror], other_errors[:, mirror]
    apart = np.linalg.norm(points - other, axis=-1) / 2
    assert apart.max() > 0.3
    found, expected, mean_visibility = both(crops)
    np.testing.assert_allclose(found, (points + other) / 2, atol=0.01)
    np.testing.assert_allclose(mean_visibility, (visibility + other_visibility[:, mirror]) / 2, atol=1e-3)
    scales = [model.info.error_scale for model in (one, both)]
    mean = (errors + other_errors) / 2 / scales[0]
    np.testing.assert_allclose(expected / scales[1], np.hypot(mean, apart), atol=0.02)
    mean = one.edge_weights(crops), one.edge_weights(np.ascontiguousarray(crops[:, :, ::-1]))[:, mirror][:, :, mirror]
    wanted = sum(mean) / 2 if kind == "dynamic" else mean[0]
    np.testing.assert_allclose(both.edge_weights(crops), wanted, atol=1e-4)
    mirrored = both(np.ascontiguousarray(crops[:, :, ::-1])).points
    np.testing.assert_allclose((mirrored * [-1, 1] + [63, 0])[:, mirror], found, atol=0.01)


def test_weights_are_float16_unless_they_are_too_large(shaken, tmp_path):
    export(shaken, tmp_path / "model.onnx")
    state = Checkpoint.load(shaken)
    network = load_network(state, recipe_from_yaml(state.recipe))
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert (tmp_path / "model.onnx").stat().st_size < 2 * weights + 300_000 < len(to_onnx(ExportedNetwork(network), 64))
    # The same function with weights that float16 cannot represent.
    with torch.no_grad():
        network.uncertainty_head.layers[0].weight *= 1e6
        network.uncertainty_head.layers[0].bias *= 1e6
        network.uncertainty_head.layers[2].weight /= 1e6
    replace(state, ema_weights=network.state_dict()).save(tmp_path / "large.pt")
    arguments = ["export", str(tmp_path / "large.pt"), "--out", str(tmp_path / "large.onnx")]
    assert "float32, because float16 would move points" in CliRunner().invoke(app, arguments).output
    crops = np.zeros((1, 64, 64, 3), np.uint8)
    same, other = (Model(tmp_path / f"{name}.onnx") for name in ("model", "large"))
    np.testing.assert_allclose(other(crops)[0], same(crops)[0], atol=0.2)
    assert (same.info.float16, other.info.float16) == (True, False)


def test_weights_of_another_network_are_not_exported(shaken, tmp_path):
    state = Checkpoint.load(shaken)
    recipe = state.recipe.replace("max_stride: 32", "max_stride: 16")
    replace(state, recipe=recipe).save(tmp_path / "older.pt")
    with pytest.raises(CheckpointError, match="the weights of the run tiny do not fit the network"):
        export(tmp_path / "older.pt", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_damaged_checkpoint_is_not_exported(shaken, tmp_path):
    shaken.write_bytes(shaken.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"shaken.pt: not a checkpoint"):
        export(shaken, tmp_path / "model.onnx")


def test_own_points_from_a_table_to_faces(write_recipe, faces, tmp_path):
    scheme, table = tmp_path / "four.yaml", tmp_path / "four.csv"
    scheme.write_text("name: four\npoints: [left_eye, right_eye, nose, chin]\nocular: [left_eye, right_eye]\n")
    rows = [["image", *(f"{axis}{i}" for i in range(4) for axis in "xy")]]
    for pts in sorted(faces.glob("*.pts")):
        rows.append([str(pts.with_suffix(".png")), *map(str, read_pts(pts)[[36, 45, 30, 8]].ravel())])
    rows[1][7:] = ["", ""]  # a missing chin
    table.write_text("\n".join(map(",".join, rows)))
    data = [{"path": str(table), "name": "four points", "scheme": str(scheme)}]
    best = train(write_recipe(scheme=str(scheme), data=data, epochs=1), [], tmp_path / "run")
    metadata = export(best, tmp_path / "four.onnx")
    table_of_file = onnx.load(tmp_path / "four.onnx").metadata_props
    assert str(tmp_path) not in next(entry.value for entry in table_of_file if entry.key == METADATA_KEY)
    assert metadata.recipe["scheme"] == metadata.recipe["data"][0]["scheme"] == "four.yaml"

    aligner = FaceAligner(tmp_path / "four.onnx", min_score=0)
    image = cv2.imread(str(faces / "face03.png"))[..., ::-1]
    (face,) = aligner(image, boxes=[points_box(read_pts(faces / "face03.pts"))])
    assert face.points.shape == (4, 2)
    assert face.scheme.names == ("left_eye", "right_eye", "nose", "chin")
    assert np.isfinite(face.points).all()
    aligner(image)  # without a box mapping the detector's boxes are used as they are

    result = evaluate(str(tmp_path / "four.onnx"), table)
    assert (result.num_faces, result.num_missed, result.protocol.normalizer) == (12, 0, "inter-ocular")

    # The model states the scheme that the table does not.
    model = str(tmp_path / "four.onnx")
    for a, b in ((model, str(table)), (str(table), model)):
        compared = compare(a, b, table)
        assert (compared.scheme, compared.num_points, compared.protocol.normalizer) == ("four", 4, "inter-ocular")
    shown = CliRunner().invoke(app, ["robustness", model, "--data", str(table), "-o", str(tmp_path / "curves.svg")])
    assert shown.exit_code == 0, shown.output
    shown = CliRunner().invoke(app, ["label", str(table), "--model", model, "-o", str(tmp_path / "labels.csv")])
    assert "of 12 annotated faces" in shown.output


def test_export_needs_no_data(shaken, faces, tmp_path):
    state = Checkpoint.load(shaken)
    replace(state, recipe=state.recipe.replace(str(faces), str(tmp_path / "gone"))).save(tmp_path / "moved.pt")
    export(tmp_path / "moved.pt", tmp_path / "model.onnx")
    assert Model(tmp_path / "model.onnx").name == "tiny"
