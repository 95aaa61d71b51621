"""facelattice: facial landmarks that stay right where faces are hidden, turned, blurred or badly lit.

    from facelattice import FaceAligner

    for face in FaceAligner()("photo.jpg"):
        print(face.score, face.points)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelattice.aligner import FaceAligner
    from facelattice.draw import draw_faces
    from facelattice.face import Face
    from facelattice.pictures import PictureError, read_picture
    from facelattice.runtime import Model, ModelError
    from facelattice.schemes import Scheme, get_scheme
    from facelattice.video.tracking import Tracker

__version__ = "0.1.0"

# Loaded when first asked for: importing the package costs nothing, and training workers never load ONNX Runtime.
_HOME = {
    "Face": "face",
    "FaceAligner": "aligner",
    "Model": "runtime",
    "ModelError": "runtime",
    "PictureError": "pictures",
    "Scheme": "schemes",
    "Tracker": "video.tracking",
    "draw_faces": "draw",
    "get_scheme": "schemes",
    "read_picture": "pictures",
}

__all__ = [
    "Face",
    "FaceAligner",
    "Model",
    "ModelError",
    "PictureError",
    "Scheme",
    "Tracker",
    "__version__",
    "draw_faces",
    "get_scheme",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'facelattice' has no attribute {name!r}")
    return getattr(importlib.import_module(f"facelattice.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
