"""A model file's backbone in 8-bit integers: less to carry, and quicker where the processor is good at them.

data = quantize(data, crops)      # an ONNX file, and crops uint8 (B, S, S, 3) that show which values come up
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


def quantize(data: bytes, crops: np.ndarray) -> bytes:
    """Static quantization of the backbone's convolutions, each channel's weights by themselves, with the ranges that
    the activations have on ``crops``. What finds positions and the graph stay in float32: a point needs more than 256
    steps."""
    with tempfile.TemporaryDirectory() as folder:  # the quantizer works on files
        model, prepared, done = (Path(folder) / f"{name}.onnx" for name in ("model", "prepared", "done"))
        model.write_bytes(data)
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(str(prepared)).graph.node if node.op_type == "Conv"]
        quantize_static(
            str(prepared),
            str(done),
            _Batches(crops),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=[name for name in convolutions if "/backbone/" not in name],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return done.read_bytes()


class _Batches(CalibrationDataReader):
    """Crops as ONNX Runtime asks for them, sixteen at a time."""

    def __init__(self, crops: np.ndarray):
        self.batches: Iterator[np.ndarray] = iter(np.split(crops, range(16, len(crops), 16)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"crops": batch}
