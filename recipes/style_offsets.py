"""Measure the offsets of annotation styles for a model file of an earlier version, and write them into it.

    python recipes/style_offsets.py recipes/ibug68.yaml ibug68.onnx ibug68-2.onnx data_root=DATA

`facelattice train` does the same at its end. The faces are those of the recipe, so its tables of pseudo-labels must
exist.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from facelattice.datasets.face_crops import CropItem
from facelattice.inference.onnx_model import Model
from facelattice.training.onnx_export import write_model
from facelattice.training.prepare import load_training_data
from facelattice.training.recipe_file import load_recipe
from facelattice.training.style_offsets import fit_style_offsets


def main(recipe_path: str, source: Path, target: Path, *overrides: str) -> None:
    """Write the model file with the offsets."""
    recipe = load_recipe(recipe_path, list(overrides))
    info = replace(Model(source).info, style_offsets={})
    network = onnx.load(source)
    write_model(network, info, target)  # without offsets of an earlier measurement
    styles = info.annotation_styles
    models = {styles.index(style): Model(target, annotation_style=style) for style in styles}

    def predict(face: CropItem) -> np.ndarray:
        return models[face["style"]](face["crop"].numpy()[None]).points[0]

    offsets = fit_style_offsets(predict, load_training_data(recipe), recipe)
    print(offsets)
    write_model(network, replace(info, style_offsets=offsets), target)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
