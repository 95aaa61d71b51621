"""AUROC of the visibility for synthetic occluders, on validation faces of 300-W.

Usage:
    python benchmarks/visibility.py DATA/300W/helen/trainset DATA/300W/lfpw/trainset --model ibug68

The faces are those that the recipes keep for validation. Patches, sunglasses, masks and hands are drawn over their
crops as in training, so it is known exactly which landmarks they hide.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from result import add_json_option, write_result

from facelattice import metrics
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import convert_samples
from facelattice.datasets.sampling import split_validation
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.training.config import Recipe

AUGMENTATION = AugmentationConfig(background=0, turned=0)


def main() -> None:
    """Print the AUROC of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="annotated faces")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_json_option(parser)
    options = parser.parse_args()
    faces = [face for path in options.data for face in read_samples(path)]
    validation = split_validation(faces, Recipe.val_fraction)[1]
    rows = []
    for name in options.model or list_models():
        model = Model(find_model(name))
        converted = convert_samples(validation, model.scheme, None)
        samples = [replace(face, visible=face.mask) for face in converted]
        crops = FaceCrops(samples, model.crop_size, model.crop_margin, AUGMENTATION)
        items = [crops[0, i, i] for i in range(len(samples))]
        predicted = np.concatenate([model(item["crop"].numpy()[None]).visibility for item in items])
        truth = np.stack([item["visibility"].numpy() for item in items])
        auroc = metrics.auroc(predicted[truth == 1], predicted[truth == 0])
        hidden, visible = int((truth == 0).sum()), int((truth == 1).sum())
        rows.append({"model": name, "auroc": float(auroc), "num_hidden": hidden, "num_visible": visible})
        print(f"{name}: {auroc:.3f}, {hidden} hidden and {visible} visible landmarks")
    write_result(
        options.json, "visibility", rows, f"{len(validation)} validation faces with drawn occluders", "annotation"
    )


if __name__ == "__main__":
    main()
