"""Measure what refinement, retries and additional views contribute, as a Markdown table.

    python benchmarks/refinement.py DATA/WFLW --subset train

Faces are detected in the whole photo. Each row leaves out or changes one part of `inference.predictor`. The cost is in
crops per annotated face: the other faces of the photos are predicted too.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from markdown_table import percent
from result import add_json_option, run, write_result

from facelattice import FaceAligner
from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import to_common_scheme
from facelattice.evaluation.evaluate import evaluate_predictions
from facelattice.evaluation.predict import predict_samples
from facelattice.evaluation.protocols import choose_protocol
from facelattice.inference import predictor
from facelattice.inference.model_zoo import list_models
from facelattice.inference.onnx_model import CropPredictions

# The changed constants of `inference.predictor`, and of the model.
VARIANTS: dict[str, dict[str, float]] = {
    "as it is": {},
    "no refinement": {"_MAX_SHIFT": np.inf, "_MAX_GROWTH": np.inf},
    "refinement of every face": {"_MAX_SHIFT": 0, "_MAX_GROWTH": 0},
    "no retry in a wider box": {"_RETRY_BELOW": 0},
    "no additional views": {"extra_views_below": 0},
    "additional views below 0.8": {"extra_views_below": 0.8},
}


class CountingModel:
    """A model that counts the crops that it predicts."""

    def __init__(self, model: Any, extra_views_below: float):
        self.model, self.extra_views_below, self.num_crops = model, extra_views_below, 0

    def __call__(self, crops: np.ndarray) -> CropPredictions:
        """Predict crops."""
        self.num_crops += len(crops)
        return self.model(crops)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces")
    parser.add_argument("--subset", help="use only the faces of this subset")
    parser.add_argument("--model", action="append", help="a bundled model; may be repeated (default: all)")
    add_json_option(parser)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("| model | variant | NME | failure rate | missed | crops per face |\n|---|---|---|---|---|---|")
    for name in options.model or list_models():
        aligner: Any = FaceAligner(name)
        model = aligner.model
        annotated = read_samples_for(model.scheme, options.data, options.subset)
        samples, converted = to_common_scheme(annotated, model.scheme)
        for variant, constants in VARIANTS.items():
            views = constants.get("extra_views_below", model.extra_views_below)
            aligner.predictor.model = counting = CountingModel(model, views)
            changed = {key: value for key, value in constants.items() if key != "extra_views_below"}
            with patch.multiple(predictor, **changed) if changed else nullcontext():
                predictions = predict_samples(aligner, converted, "detector")
            result = evaluate_predictions(samples, predictions, choose_protocol(samples))
            row = {
                "model": name,
                "variant": variant,
                "nme": result.nme,
                "failure_rate": result.failure_rate,
                "num_missed": result.num_missed,
                "crops_per_face": counting.num_crops / len(samples),
            }
            rows.append(row)
            print(
                f"| {name} | {variant} | {percent(result.nme)} | {percent(result.failure_rate, 1)} "
                f"| {result.num_missed} | {row['crops_per_face']:.2f} |",
                flush=True,
            )
    faces = f"{len(samples)} faces of {options.data.name}, {options.subset or 'all'}"
    write_result(options.json, "refinement", rows, faces, "detector")


if __name__ == "__main__":
    run(main)
