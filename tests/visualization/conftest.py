from __future__ import annotations

import pytest

from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model


@pytest.fixture(scope="package")
def model() -> Model:
    """The bundled model ibug68."""
    return Model(find_model("ibug68"))
