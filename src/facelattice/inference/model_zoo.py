"""The bundled models by name.

Example:
    model = Model(find_model())  # the default
    model = Model(find_model("wflw98"))
    model = Model(find_model("my_model.onnx"))
"""

from __future__ import annotations

import os
from pathlib import Path

from facelattice.exceptions import ModelError
from facelattice.file_search import check_path

DEFAULT = "ibug68"
_FOLDER = Path(__file__).parents[1] / "models"


def list_models() -> list[str]:
    """Return the names of the bundled models."""
    return sorted(path.stem for path in _FOLDER.glob("*.onnx"))


def find_model(name: str | os.PathLike[str] | None = None) -> Path:
    """Return the file of a model.

    Args:
        name: Name of a bundled model, or the path of a model file, which is returned whether it exists or not. None for
            the default model.

    Returns:
        The path of the model file.

    Raises:
        ModelError: If no bundled model has the name, or it is empty or a URL.
    """
    path = Path(DEFAULT if name is None else check_path(name, "model", ModelError))
    is_name = path.name == str(path) and path.suffix.lower() != ".onnx" and not path.is_file()
    if not is_name:
        return path
    bundled = _FOLDER / f"{path}.onnx"
    if not bundled.is_file():
        names = ", ".join(list_models())
        raise ModelError(f"no model is named {str(path)!r}; bundled: {names}; or give the path of an .onnx file")
    return bundled
