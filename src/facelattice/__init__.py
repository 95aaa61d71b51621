"""facelattice: facial landmarks that stay right where faces are hidden, turned, blurred or badly lit.

    from facelattice import FaceAligner

    for face in FaceAligner()("photo.jpg"):
        print(face.score, face.points)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelattice.exceptions import ImageError, ModelError
    from facelattice.face import Face
    from facelattice.image_io import load_image
    from facelattice.inference.aligner import FaceAligner
    from facelattice.inference.onnx_model import Model
    from facelattice.schemes import Scheme, get_scheme
    from facelattice.video.tracker import Tracker
    from facelattice.visualization.faces import draw_faces

__version__ = "0.1.0"

# Loaded when first asked for: importing the package costs nothing, and training workers never load ONNX Runtime.
_HOME = {
    "Face": "face",
    "FaceAligner": "inference.aligner",
    "ImageError": "exceptions",
    "Model": "inference.onnx_model",
    "ModelError": "exceptions",
    "Scheme": "schemes",
    "Tracker": "video.tracker",
    "draw_faces": "visualization.faces",
    "get_scheme": "schemes",
    "load_image": "image_io",
}

__all__ = [
    "Face",
    "FaceAligner",
    "ImageError",
    "Model",
    "ModelError",
    "Scheme",
    "Tracker",
    "__version__",
    "draw_faces",
    "get_scheme",
    "load_image",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'facelattice' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facelattice.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
