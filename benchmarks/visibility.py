r"""AUROC of the visibility on validation faces: for synthetic occluders, and for annotated visibility.

Usage:
    python recipes/prepare_labels.py DATA runs/labels --model ibug68
    python benchmarks/visibility.py DATA/300W/helen/trainset DATA/300W/lfpw/trainset \
        --annotated runs/labels/merlrav-val.csv

The faces of 300-W are those that the recipes keep for validation. Patches, sunglasses, masks and hands are drawn over
their crops as in training, so it is known exactly which landmarks they hide. Faces of MERL-RAV have annotated
visibility.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from result import add_json_option, run, write_result

from facelattice import metrics
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import convert_samples
from facelattice.datasets.sampling import split_validation
from facelattice.evaluation.evaluate import evaluate
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.training.config import Recipe

AUGMENTATION = AugmentationConfig(background=0, turned=0)


def main() -> None:
    """Print the AUROC of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="annotated faces")
    parser.add_argument("--annotated", type=Path, help="table of MERL-RAV's validation faces")
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
        row: dict[str, Any] = {"model": name, "auroc": float(auroc), "num_hidden": hidden, "num_visible": visible}
        print(f"{name}: {auroc:.3f}, {hidden} hidden and {visible} visible landmarks")
        if options.annotated:
            row["annotated"] = measure_annotated(name, options.annotated)
            print(f"{name}: {row['annotated']}")
        rows.append(row)
    faces = f"{len(validation)} validation faces of 300-W with drawn occluders"
    if options.annotated:
        faces += f", {rows[0]['annotated']['num_faces']} of MERL-RAV"
    write_result(options.json, "visibility", rows, faces, "annotation")


def measure_annotated(model: str, table: Path) -> dict[str, float | int | None]:
    """Return the AUROC for landmarks hidden by objects and by the face itself, and the numbers of both and of faces."""
    result = evaluate(model, table, annotation_style="MERL-RAV")
    assert result.visibility_auroc is not None  # the table has visible and hidden landmarks
    return asdict(result.visibility_auroc) | {"num_faces": len(result.faces)}


if __name__ == "__main__":
    run(main)
