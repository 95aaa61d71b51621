import copy
import json
import pickle

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facelattice.exceptions import ArgumentError, ModelError
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model, content_digest, seal
from facelattice.schemes import get_scheme

SIZE = 32


def make_graph(
    num_points: int = 5,
    shape: tuple = ("B", SIZE, SIZE, 3),
    input_type: int = TensorProto.UINT8,
    output: str = "expected_errors",
) -> onnx.ModelProto:
    """Create an ONNX model whose points and expected errors all equal the mean gray level of the crop."""
    ones = numpy_helper.from_array(np.ones((1, num_points), np.float32), "ones")
    axes = numpy_helper.from_array(np.array([2]), "axes")
    nodes = [
        helper.make_node("Cast", ["crops"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMean", ["mean"], ["gray"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["gray", "ones"], [output]),
        helper.make_node("Unsqueeze", [output, "axes"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["points"], axis=2),
    ]
    inputs = [helper.make_tensor_value_info("crops", input_type, shape)]
    outputs = [
        helper.make_tensor_value_info("points", TensorProto.FLOAT, ["B", num_points, 2]),
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", num_points]),
    ]
    body = helper.make_graph(nodes, "tiny", inputs, outputs, [ones, axes])
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def metadata(**changes) -> str:
    values = {
        "format": 1,
        "name": "tiny",
        "scheme": get_scheme("five").to_dict(),
        "crop_size": SIZE,
        "crop_margin": 1.25,
        "sha256": "0" * 64,
    }
    return json.dumps(values | changes)


def model_bytes(model: onnx.ModelProto | None = None, **changes) -> bytes:
    model = model or make_graph()
    helper.set_model_props(model, {"facelattice": metadata(**changes)})
    return seal(model.SerializeToString())


@pytest.fixture
def tiny(tmp_path):
    """The file of a small model."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model_bytes())
    return path


@pytest.fixture
def load_error(tmp_path):
    """Return the message of the error when bytes are loaded as a model; it must contain the file name."""

    def load(data: bytes) -> str:
        path = tmp_path / "mine.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            Model(path)
        assert "mine.onnx" in str(caught.value)
        return str(caught.value)

    return load


def test_model_predicts_points_and_expected_errors(tiny):
    model = Model(tiny)
    crops = np.stack([np.full((SIZE, SIZE, 3), gray, np.uint8) for gray in (7, 200, 90)])
    points, errors, visibility = model(crops)
    assert points.shape == (3, 5, 2)
    assert np.isnan(visibility).all()  # the file has no such output
    assert visibility.shape == (3, 5)
    assert errors.dtype == points.dtype == np.float32
    assert np.allclose(points[:, 3, 1], [7, 200, 90], atol=1e-3)
    assert np.allclose(errors[:, 4], [7, 200, 90], atol=1e-3)
    assert [values.shape for values in model(crops[:0])] == [(0, 5, 2), (0, 5), (0, 5)]


def test_model_has_the_attributes_of_its_metadata(tiny):
    model = Model(tiny)
    assert (model.name, model.crop_size, model.crop_margin, model.path) == ("tiny", SIZE, 1.25, tiny)
    assert model.scheme.names == get_scheme("five").names
    assert model.extra_views_below == model.info.extra_views_below == 0


def test_model_without_a_graph_has_no_edge_weights(tiny):
    with pytest.raises(ModelError, match=r"tiny\.onnx: this model has no edge weights"):
        Model(tiny).edge_weights(np.zeros((1, SIZE, SIZE, 3), np.uint8))


@pytest.mark.parametrize("crops", [np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, SIZE, SIZE, 3), np.float32)])
def test_crops_of_another_shape_or_type_are_rejected(tiny, crops):
    with pytest.raises(ArgumentError, match=r"uint8 \(B, 32, 32, 3\)"):
        Model(tiny)(crops)


def test_copies_and_pickles_open_the_file_again(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny.parent)
    model = Model(tiny.name, num_threads=1)
    pickled = pickle.dumps(model)
    (tmp_path / "elsewhere").mkdir()
    crops = np.full((1, SIZE, SIZE, 3), 50, np.uint8)
    monkeypatch.chdir("elsewhere")
    loaded = pickle.loads(pickled)
    monkeypatch.chdir(tiny.parent)
    for other in (loaded, copy.copy(model), copy.deepcopy(model)):
        assert np.array_equal(other(crops)[0], model(crops)[0])
        assert other.info.to_dict() == model.info.to_dict()


def test_repr_is_one_line(tiny):
    assert repr(Model(tiny)) == f"Model({str(tiny)!r}, scheme='five', crop_size=32)"


def test_content_digest_does_not_depend_on_itself():
    helper.set_model_props(blank := make_graph(), {"facelattice": metadata()})
    data = blank.SerializeToString()
    sealed = seal(data)
    assert len(sealed) == len(data)
    assert content_digest(sealed) == content_digest(data)
    assert f'"sha256": "{content_digest(data)}"'.encode() in sealed
    assert seal(sealed) == sealed
    with pytest.raises(ModelError, match="exactly once"):
        content_digest(b"no digest")


def test_every_changed_bit_is_detected(load_error):
    data = model_bytes()
    for position in np.linspace(0, len(data) - 1, 40).astype(int):
        changed = bytearray(data)
        changed[position] ^= 1
        load_error(bytes(changed))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_file_is_rejected(load_error, share):
    data = model_bytes()
    assert "truncated" in load_error(data[: int(len(data) * share)])


def test_other_files_are_rejected(load_error, tmp_path):
    assert "not an ONNX file" in load_error(b"Dear Sir or Madam")
    assert "not from facelattice" in load_error(make_graph().SerializeToString())
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot read"):
        Model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="cannot read"):
        Model(tmp_path)


def test_wrong_metadata_is_rejected(load_error):
    assert "wrong metadata in the model file: crop_size: " in load_error(model_bytes(crop_size="big"))
    assert "pip install --upgrade" in load_error(model_bytes(format=2))


def test_metadata_that_contradicts_the_graph_is_rejected(load_error):
    message = load_error(model_bytes(scheme=get_scheme("ibug68").to_dict()))
    assert "'ibug68' has 68 points" in message
    assert "(2, 5, 2)" in message
    assert "does not map crops" in load_error(model_bytes(crop_size=64))
    assert "does not map crops" in load_error(model_bytes(make_graph(shape=(1, SIZE, SIZE, 3))))
    assert "does not map crops" in load_error(model_bytes(make_graph(input_type=TensorProto.FLOAT)))
    assert "does not map crops" in load_error(model_bytes(make_graph(output="uncertainty")))


def test_metadata_that_is_not_utf8(tmp_path):
    data = find_model("ibug68-fast").read_bytes()
    (tmp_path / "bad.onnx").write_bytes(data.replace(b"sha256", b"sha2\xdd6"))
    with pytest.raises(ModelError, match="not an ONNX file"):
        Model(tmp_path / "bad.onnx")
