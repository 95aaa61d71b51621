"""Named models: those that come inside the package, and any file of your own.

model = Model(find_model())                  # the bundled default
model = Model(find_model("my_model.onnx"))
"""

from __future__ import annotations

import os
from pathlib import Path

from facelattice.exceptions import ModelError

DEFAULT = "ibug68"
_FOLDER = Path(__file__).parents[1] / "models"


def list_models() -> list[str]:
    """The names of the bundled models."""
    return sorted(path.stem for path in _FOLDER.glob("*.onnx"))


def find_model(name: str | os.PathLike[str] | None = None) -> Path:
    """The file of a bundled model by its name, or the path itself where one is given; None is the default model.

    Raises ModelError, naming the known ones, for a name that is neither.
    """
    wanted = Path(DEFAULT if name is None else name)
    if wanted.name == str(wanted) and wanted.suffix.lower() != ".onnx" and not wanted.is_file():
        bundled = _FOLDER / f"{wanted}.onnx"
        if not bundled.is_file():
            known = ", ".join(list_models()) or "none"
            raise ModelError(f"no model is named {str(wanted)!r}; bundled: {known}; or give the path of an .onnx file")
        return bundled
    return wanted
