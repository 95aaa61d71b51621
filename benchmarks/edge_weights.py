"""Measure whether edge weights of occluded landmarks decrease.

    python benchmarks/edge_weights.py ibug68 DATA/300W/helen/testset

On each face of the dataset a gray patch covers 30 % of the landmarks. The script compares, with and without it, the sum
of the weights of covered neighbors, over the visible landmarks that have both covered and visible neighbors.
The interval is a paired bootstrap over faces. It also prints how much a weight varies between faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from result import add_json_option, run, write_result

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import convert_samples
from facelattice.evaluation.bootstrap import paired_bootstrap
from facelattice.evaluation.robustness import crop_slices, occlusion_patch
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model

FRACTION = 0.3  # of the landmarks that the patch covers
GRAY = 128


def main() -> None:
    """Print the edge weights of covered neighbors with and without the patch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a bundled model or a model file")
    parser.add_argument("data", type=Path, help="annotated faces")
    add_json_option(parser)
    options = parser.parse_args()
    model = Model(find_model(options.model))
    samples = convert_samples(read_samples(options.data), model.scheme, None)
    all_weights, covered_sums = [], []
    for i, sample in enumerate(samples):
        matrix = geometry.crop_transform(sample.box, model.crop_size, model.crop_margin)
        crop = geometry.warp(load_image(sample.path), matrix, model.crop_size)
        box, covered = occlusion_patch(sample.points, sample.mask, FRACTION, np.random.default_rng([0, i]))
        patched = crop.copy()
        patched[crop_slices(box, matrix)] = GRAY
        before, after = model.edge_weights(np.stack([crop, patched]))
        all_weights.append(before)
        neighbors = (before > 0) & ~np.eye(len(covered), dtype=bool)
        counted = ~covered & (neighbors & covered).any(1) & (neighbors & ~covered).any(1)
        if counted.any():
            covered_sums.append([weights[counted][:, covered].sum(1).mean() for weights in (before, after)])
    without_patch, with_patch = np.array(covered_sums).T
    difference, low, high = paired_bootstrap(with_patch[None], without_patch[None])
    edges = np.stack(all_weights)[:, all_weights[0] > 0]
    row = {
        "model": options.model,
        "weight_without_patch": float(without_patch.mean()),
        "weight_with_patch": float(with_patch.mean()),
        "difference": float(difference),
        "difference_low": float(low),
        "difference_high": float(high),
        "deviation_over_faces": float(edges.std(0).mean()),
    }
    faces = f"{len(samples)} faces of {options.data.name}, a patch over {100 * FRACTION:g} % of the landmarks"
    print(f"{options.model}, {faces}")
    print(f"weight of covered neighbors without the patch     {row['weight_without_patch']:.4f}")
    print(f"weight of covered neighbors with the patch        {row['weight_with_patch']:.4f}")
    print(f"difference, 95 % interval                         {difference:+.4f} ({low:+.4f} to {high:+.4f})")
    print(f"standard deviation of a weight over faces, mean   {row['deviation_over_faces']:.4f}")
    write_result(options.json, "edge_weights", [row], faces, "annotation")


if __name__ == "__main__":
    run(main)
