"""Find facial landmarks in images and videos, and train models that find them.

Example:
    from facelattice import FaceAligner

    for face in FaceAligner()("photo.jpg"):
        print(face.score, face.points)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.exceptions import FacelatticeError, ImageError, ModelError
    from facelattice.face import Face, Faces
    from facelattice.image_io import load_image, save_image
    from facelattice.inference.aligner import FaceAligner
    from facelattice.inference.onnx_model import Model
    from facelattice.interop import to_dataframe, to_supervision
    from facelattice.measures import FaceMeasures
    from facelattice.pose import HeadPose
    from facelattice.schemes import Scheme, get_scheme
    from facelattice.video.tracker import Tracker
    from facelattice.visualization.faces import draw_faces
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Face": "face",
            "FaceAligner": "inference.aligner",
            "FaceMeasures": "measures",
            "Faces": "face",
            "HeadPose": "pose",
            "FacelatticeError": "exceptions",
            "ImageError": "exceptions",
            "Model": "inference.onnx_model",
            "ModelError": "exceptions",
            "Scheme": "schemes",
            "Tracker": "video.tracker",
            "draw_faces": "visualization.faces",
            "get_scheme": "schemes",
            "load_image": "image_io",
            "save_image": "image_io",
            "to_dataframe": "interop",
            "to_supervision": "interop",
        },
    )

__version__ = "0.2.0"

__all__ = [
    "Face",
    "FaceAligner",
    "FaceMeasures",
    "FacelatticeError",
    "Faces",
    "HeadPose",
    "ImageError",
    "Model",
    "ModelError",
    "Scheme",
    "Tracker",
    "__version__",
    "draw_faces",
    "get_scheme",
    "load_image",
    "save_image",
    "to_dataframe",
    "to_supervision",
]

# ONNX Runtime reads this variable when it is imported. Otherwise it would write an identifier of the device into the
# home folder and send usage data. All modules of the package are imported after this one.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
