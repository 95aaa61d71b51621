import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facelattice.exceptions import ModelError
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model, digest, seal
from facelattice.schemes import get_scheme

SIZE = 32


def graph(points: int = 5, shape: tuple = ("B", SIZE, SIZE, 3), kind: int = TensorProto.UINT8, output: str = "expected_errors"):
    """An ONNX model whose points all lie at the mean of the crop's gray levels, with that as their expected error."""
    ones = numpy_helper.from_array(np.ones((1, points), np.float32), "ones")
    axes = numpy_helper.from_array(np.array([2]), "axes")
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["mean"], ["gray"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["gray", "ones"], [output]),
        helper.make_node("Unsqueeze", [output, "axes"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["points"], axis=2),
    ]
    inputs = [helper.make_tensor_value_info("crops", kind, shape)]
    outputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["B", points, 2]),
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", points]),
    ]
    body = helper.make_graph(nodes, "tiny", inputs, outputs, [ones, axes])
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def metadata(**changes) -> dict:
    return {
        "format": 1,
        "name": "tiny",
        "version": "0.1.0",
        "scheme": get_scheme("five").to_dict(),
        "crop": {"size": SIZE, "margin": 1.25},
        "detectors": {"yunet": None},
        "sha256": "0" * 64,
        **changes,
    }


def model_bytes(model: onnx.ModelProto | None = None, **changes) -> bytes:
    model = model or graph()
    helper.set_model_props(model, {"facelattice": json.dumps(metadata(**changes))})
    return seal(model.SerializeToString())


@pytest.fixture
def refused(tmp_path):
    """The message that opening such bytes as a model ends in; it must name the file."""

    def message(data: bytes) -> str:
        path = tmp_path / "mine.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            Model(path)
        assert "mine.onnx" in str(caught.value)
        return str(caught.value)

    return message


def test_a_model_runs_and_describes_itself(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model_bytes())
    model = Model(path)
    assert (model.name, model.crop_size, model.crop_margin, model.path) == ("tiny", SIZE, 1.25, path)
    assert model.scheme.names == get_scheme("five").names
    crops = np.stack([np.full((SIZE, SIZE, 3), gray, np.uint8) for gray in (7, 200, 90)])
    points, errors = model(crops)
    assert points.shape == (3, 5, 2)
    assert errors.dtype == points.dtype == np.float32
    assert np.allclose(points[:, 3, 1], [7, 200, 90], atol=1e-3)
    assert np.allclose(errors[:, 4], [7, 200, 90], atol=1e-3)
    points, errors = model(crops[:0])
    assert (points.shape, errors.shape) == ((0, 5, 2), (0, 5))


@pytest.mark.parametrize("crops", [np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, SIZE, SIZE, 3), np.float32)])
def test_crops_of_another_kind_are_refused(tmp_path, crops):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model_bytes())
    with pytest.raises(ValueError, match=r"uint8 \(B, 32, 32, 3\)"):
        Model(path)(crops)


def test_the_digest_does_not_depend_on_itself():
    helper.set_model_props(blank := graph(), {"facelattice": json.dumps(metadata())})
    data = blank.SerializeToString()
    sealed = seal(data)
    assert len(sealed) == len(data)
    assert digest(sealed) == digest(data)
    assert f'"sha256": "{digest(data)}"'.encode() in sealed
    assert seal(sealed) == sealed
    with pytest.raises(ModelError, match="exactly once"):
        digest(b"no place for it")


def test_every_changed_bit_is_noticed(refused):
    data = model_bytes()
    for at in np.linspace(0, len(data) - 1, 40).astype(int):
        changed = bytearray(data)
        changed[at] ^= 1
        refused(bytes(changed))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_cut_short_is_refused(refused, share):
    data = model_bytes()
    assert "cut short" in refused(data[: int(len(data) * share)])


def test_files_of_other_kinds_are_refused(refused, tmp_path):
    assert "not an ONNX file" in refused(b"Dear Sir or Madam")
    assert "another program" in refused(graph().SerializeToString())
    assert "pip install --upgrade" in refused(model_bytes(format=2))
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot read"):
        Model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="cannot read"):
        Model(tmp_path)


def test_metadata_that_do_not_fit_the_graph_are_refused(refused):
    message = refused(model_bytes(scheme=get_scheme("ibug68").to_dict()))
    assert "'ibug68' has 68 points" in message
    assert "(2, 5, 2)" in message
    assert "does not take crops" in refused(model_bytes(crop={"size": 64, "margin": 1.25}))
    assert "does not take crops" in refused(model_bytes(graph(shape=(1, SIZE, SIZE, 3))))
    assert "does not take crops" in refused(model_bytes(graph(kind=TensorProto.FLOAT)))
    assert "does not take crops" in refused(model_bytes(graph(output="uncertainty")))


@pytest.mark.parametrize(
    "changes", [{"scheme": {}}, {"scheme": None}, {"crop": {}}, {"crop": {"size": "big", "margin": 1}}, {"format": "x"}]
)
def test_wrong_metadata_are_refused(refused, changes):
    assert "metadata of the model file are wrong" in refused(model_bytes(**changes))


def test_models_by_name(tmp_path, monkeypatch):
    assert "ibug68" in list_models()
    assert find_model() == find_model("ibug68")
    assert find_model().is_file()
    with pytest.raises(ModelError, match=r"no model is named 'ibug86'; bundled: .*ibug68"):
        find_model("ibug86")
    path = tmp_path / "mine.onnx"
    assert find_model(path) == path  # missing or not, opening it says
    (tmp_path / "plain").touch()
    monkeypatch.chdir(tmp_path)
    assert str(find_model("plain")) == "plain"


def test_the_bundled_model_states_its_data_and_terms():
    model = Model(find_model())
    assert len(model.scheme) == 68
    assert model.info["license"]
    assert model.info["data"]
    assert all(data["name"] and data["terms"] for data in model.info["data"])
    assert model.info["detectors"]["yunet"]["scale"] > 0
    assert model.path.stat().st_size < 25e6
