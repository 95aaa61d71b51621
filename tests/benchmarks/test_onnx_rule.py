from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper
from onnx_rule import FOLDER, OnnxNetwork, find_rule, load_rule
from peer_programs import load_onnx
from peers import load_set, measure

from facelattice.exceptions import ArgumentError, FormatError, ModelError

RULE = {
    "name": "five means", "source": "here", "license": "none", "scheme": "five", "input_size": 8, "layout": "nchw",
    "channels": "rgb", "scale": 0.01, "mean": 0, "std": 1, "crop_margin": 1.2, "antialias": True,
    "output_unit": "edges",
}  # fmt: skip
IMAGE = np.full((40, 40, 3), (10, 20, 30), np.uint8)
BOX = np.array([10, 10, 29, 29], float)  # center 19.5, side 19; the crop has a side of 22.8


def write_network(folder: Path, layout: str = "nchw", **changes) -> Path:
    """Write a network whose x and y are the mean of the first channel of its input, and its rule."""
    shape, axes = ([1, 3, 8, 8], [2, 3]) if layout == "nchw" else ([1, 8, 8, 3], [1, 2])
    first = np.array([[1], [0], [0]], np.float32) * np.ones((1, 10), np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["output"]),
    ]
    values = [
        onnx.numpy_helper.from_array(np.array(axes), "axes"),
        onnx.numpy_helper.from_array(first, "weights"),
    ]
    ends = [helper.make_tensor_value_info(*end) for end in (("input", 1, shape), ("output", 1, [1, 10]))]
    graph = helper.make_graph(nodes, "means", ends[:1], ends[1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    assert ends[0].type.tensor_type.elem_type == TensorProto.FLOAT
    onnx.save(model, folder / "means.onnx")
    write_rule(folder, layout=layout, **changes)
    return folder / "means.onnx"


def write_rule(folder: Path, **changes) -> Path:
    (folder / "means.yaml").write_text(yaml.safe_dump({**RULE, **changes}), encoding="utf-8")
    return folder / "means.yaml"


@pytest.mark.parametrize(
    ("changes", "fraction"),
    [
        ({}, 0.1),
        ({"channels": "bgr"}, 0.3),
        ({"layout": "nhwc"}, 0.1),
        ({"mean": [0.05, 7, 7], "std": [0.5, 1, 1]}, 0.1),  # (0.1 - 0.05) / 0.5
        ({"channels": "bgr", "mean": -0.1, "std": 2}, 0.2),  # (0.3 + 0.1) / 2
    ],
)
def test_points_computed_by_hand(tmp_path, changes, fraction):
    points = OnnxNetwork(write_network(tmp_path, **changes))(IMAGE, BOX)
    assert points.shape == (5, 2)
    np.testing.assert_allclose(points, 19.5 + (fraction - 0.5) * 22.8, atol=1e-3)


def test_output_in_pixels_of_the_crop(tmp_path):
    network = OnnxNetwork(write_network(tmp_path, scale=0.35, output_unit="pixels"))  # 3.5 is the center of 8 pixels
    np.testing.assert_allclose(network(IMAGE, BOX), 19.5, atol=1e-3)


def test_output_counts_from_the_first_pixel(tmp_path):
    network = OnnxNetwork(write_network(tmp_path, output_unit="first_pixel"))
    np.testing.assert_allclose(network(IMAGE, BOX), 19.5 + (0.1 - 0.5) * 22.8 + 0.5, atol=1e-3)


def test_antialias_smooths_before_the_crop_is_scaled_down(tmp_path):
    rows = np.where(np.arange(60) % 4 == 0, 120, 0).astype(np.uint8)
    image = np.broadcast_to(rows[:, None, None], (60, 60, 3)).copy()
    box = np.array([10, 10, 36.6667, 36.6667])  # the crop has a side of 32, so its pixels lie 4 rows apart
    smooth, plain = (OnnxNetwork(write_network(tmp_path, antialias=value))(image, box) for value in (True, False))
    center, side = 23.3333, 32
    np.testing.assert_allclose(smooth, center + (0.3 - 0.5) * side, atol=0.7)  # the mean of all rows: 0.01 x 30
    assert np.abs(plain - smooth).max() > 3


def test_rule_of_the_repository_comes_before_that_beside_the_file(tmp_path):
    assert find_rule(write_network(tmp_path)) == tmp_path / "means.yaml"
    assert find_rule(tmp_path / "pfld_ghostone98.onnx") == FOLDER / "pfld_ghostone98.yaml"
    assert load_rule(FOLDER / "pfld_ghostone98.yaml").scheme == "wflw98"
    with pytest.raises(ArgumentError, match=r"other\.onnx: no input rule; write .*other\.yaml"):
        find_rule(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "bgr"}, "expected exactly the keys name, source, license"),
        ({"channels": "gbr"}, "channels must be one of rgb, bgr, not 'gbr'"),
        ({"scheme": "ibug86"}, "scheme must be one of .*not 'ibug86'"),
        ({"crop_margin": 0}, "crop_margin must be a positive number, not 0"),
        ({"mean": [1, 2]}, r"mean must be a number or three, not \[1, 2\]"),
        ({"std": 0}, "std must not be 0"),
        ({"antialias": "yes"}, "antialias must be true or false, not 'yes'"),
        ({"output_unit": "crop"}, "output_unit must be one of edges, first_pixel, pixels, not 'crop'"),
    ],
)
def test_wrong_rule_names_key_and_value(tmp_path, changes, message):
    with pytest.raises(FormatError, match=rf"means\.yaml: {message}"):
        load_rule(write_rule(tmp_path, **changes))


def test_rule_that_is_not_yaml(tmp_path):
    (tmp_path / "means.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(FormatError, match=r"means\.yaml: .*line 1"):
        load_rule(tmp_path / "means.yaml")


def test_network_that_does_not_fit_its_rule(tmp_path):
    with pytest.raises(ModelError, match=r"means\.onnx: 10 numbers; ibug68 has 68 points"):
        OnnxNetwork(write_network(tmp_path, scheme="ibug68"))
    with pytest.raises(ModelError, match=r"means\.onnx: .*Got invalid dimensions"):
        OnnxNetwork(write_network(tmp_path, input_size=9))
    (tmp_path / "means.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"means\.onnx: "):
        OnnxNetwork(tmp_path / "means.onnx")


@pytest.mark.data
def test_ghostone_finds_points(shared_data):
    model = shared_data.parent / "peers" / "pfld_ghostone98.onnx"
    if not model.is_file():
        pytest.skip("needs ../shared/peers/pfld_ghostone98.onnx")
    (row,) = measure([load_onnx(model)], load_set(shared_data, "LFPW test", 8))
    assert (row.boxes, row.num_found) == ("annotation", 8)
    assert 0.03 < row.nme < 0.06
