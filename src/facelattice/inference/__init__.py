"""Inference: model files, landmarks in given boxes, all faces of an image, many images in parallel.

    aligner = FaceAligner()  # detects faces and predicts their landmarks
    faces = aligner("photo.jpg")

    predictor = LandmarkPredictor(Model(find_model("ibug68")))  # predicts landmarks in given boxes
    faces = predictor.predict([image], [box])

`parallel` aligns many files in several processes, `ray_data` on a cluster. `benchmark` measures speed and memory.
"""

from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_info import ModelInfo
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import LandmarkPredictor

__all__ = ["FaceAligner", "LandmarkPredictor", "Model", "ModelInfo", "find_model", "list_models"]
