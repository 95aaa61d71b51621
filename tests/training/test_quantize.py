import cv2
import numpy as np
import onnx
import pytest

from facelattice.exceptions import ExportError
from facelattice.inference.onnx_model import Model
from facelattice.training import quantize
from facelattice.training.onnx_export import export


def test_quantized_backbone(shaken, faces, tmp_path, monkeypatch):
    export(shaken, tmp_path / "float.onnx")
    assert export(shaken, tmp_path / "int8.onnx", int8=True).int8
    kinds = {node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert "QuantizeLinear" in kinds
    crops = np.stack([cv2.imread(str(path))[16:80, 16:80, ::-1] for path in sorted(faces.glob("*.png"))])
    points, rounded = (Model(tmp_path / f"{name}.onnx")(crops).points for name in ("float", "int8"))
    assert 0 < np.abs(points - rounded).mean() < 0.5

    monkeypatch.setattr(quantize, "MAX_NME_INCREASE", -1.0)
    with pytest.raises(ExportError, match=r"quantization raises the validation NME .* without --int8"):
        export(shaken, tmp_path / "worse.onnx", int8=True)
    assert not (tmp_path / "worse.onnx").exists()
