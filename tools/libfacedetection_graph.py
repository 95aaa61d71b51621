"""Write `src/facelattice/libfacedetection.onnx`: the network of libfacedetection, without its weights.

    python tools/libfacedetection_graph.py

The weights have the library's names and are given by `facelattice.libfacedetection` when a session is made. Needs onnx,
which the extra "train" brings.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

import facelattice
from facelattice.libfacedetection import HEAD, HEAD_CHANNELS, OUTPUTS, PAIRS, STRIDES


class Network:
    """Nodes and weights, added one after another; each method gives the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, name: str, *shape: int) -> str:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="given to the session")
        self.weights.append(tensor)
        return name

    def convolution(self, x: str, name: str, inputs: int, outputs: int, size: int, **attributes: object) -> str:
        weights = self.weight(f"{name}_weight", outputs, inputs, size, size), self.weight(f"{name}_bias", outputs)
        return self.node("Conv", [x, *weights], name, pads=[size // 2] * 4, **attributes)

    def relu(self, x: str) -> str:
        return self.node("Relu", [x], f"{x}_relu")

    def pool(self, x: str) -> str:
        return self.node("MaxPool", [x], f"{x}_pool", kernel_shape=[2, 2], strides=[2, 2])

    def pair(self, x: str, name: str) -> str:
        """Convolutions 1 x 1 and then, channel by channel, 3 x 3."""
        inputs, outputs = PAIRS[name]
        x = self.convolution(x, f"{name}_pw", inputs, outputs, 1)
        return self.convolution(x, f"{name}_dw", 1, outputs, 3, group=outputs)

    def stage(self, x: str, name: str) -> str:
        for pair in ("dp1", "dp2"):
            x = self.relu(self.pair(x, f"{name}_{pair}"))
        return x


def build() -> onnx.ModelProto:
    """From a picture, uint8 BGR (1, height, width, 3) with sides that 32 divides, to maps (1, c, height / s, width / s)
    for each stride s: cls_s and obj_s, whose sigmoids' geometric mean is the confidence, and bbox_s, which is centre,
    log width and log height in units of the stride."""
    net = Network()
    x = net.node("Cast", ["picture"], "floats", to=TensorProto.FLOAT)
    x = net.node("Transpose", [x], "channels_first", perm=[0, 3, 1, 2])
    x = net.relu(net.convolution(x, HEAD, 3, HEAD_CHANNELS, 3, strides=[2, 2]))
    x = net.pool(net.relu(net.pair(x, "backbone__model0_dp")))
    x = net.stage(x, "backbone__model1")
    x = net.stage(x, "backbone__model2")
    levels = []
    for i in (3, 4, 5):
        x = net.stage(net.pool(x), f"backbone__model{i}")
        levels.append(x)

    twice = helper.make_tensor("twice", TensorProto.FLOAT, [4], [1, 1, 2, 2])
    outputs, above = [], ""
    for i in reversed(range(len(STRIDES))):
        x = levels[i]
        if above:
            how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            larger = net.node("Resize", [above, "", "twice"], f"{above}_twice", **how)
            x = net.node("Add", [larger, x], f"{x}_sum")
        above = net.relu(net.pair(x, f"neck__lateral_convs__{i}"))
        for name, channels in OUTPUTS.items():
            head = net.pair(above, f"bbox_head__multi_level_{name}__{i}")
            output = net.node("Identity", [head], f"{name}_{STRIDES[i]}")
            sides = [f"{side}/{STRIDES[i]}" for side in ("height", "width")]
            outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, channels, *sides]))
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, "height", "width", 3])
    graph = helper.make_graph(net.nodes, "libfacedetection", [picture], outputs, [*net.weights, twice])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


if __name__ == "__main__":
    path = Path(facelattice.__file__).with_name("libfacedetection.onnx")
    path.write_bytes(build().SerializeToString())
    print(f"written: {path}")
