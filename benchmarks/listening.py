"""Do points listen less to neighbors that are hidden? python benchmarks/listening.py MODEL DATA

On each face of DATA a gray patch covers 30 % of the landmarks. Of every point in sight that has neighbors on both
sides of the patch's edge: how much it listens to the hidden ones, before the patch and with it. The interval is that of
a bootstrap over faces; beside it, how much weights differ between one face and another at all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import convert_samples
from facelattice.evaluation.bootstrap import bootstrap
from facelattice.evaluation.robustness import cover, in_crop
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model

SHARE = 0.3


def main(name: str, data: str) -> None:
    model = Model(find_model(name))
    samples = convert_samples(read_samples(Path(data)), model.scheme, None)
    plain, to_hidden = [], []
    for i, sample in enumerate(samples):
        matrix = geometry.crop_transform(sample.box, model.crop_size, model.crop_margin)
        crop = geometry.warp(load_image(sample.path), matrix, model.crop_size)
        box, hidden = cover(sample.points, sample.mask, SHARE, np.random.default_rng([0, i]))
        patched = crop.copy()
        patched[in_crop(box, matrix)] = 128
        before, after = model.edge_weights(np.stack([crop, patched]))
        plain.append(before)
        others = (before > 0) & ~np.eye(len(hidden), dtype=bool)
        both = ~hidden & (others & hidden).any(1) & (others & ~hidden).any(1)
        if both.any():
            to_hidden.append([weights[both][:, hidden].sum(1).mean() for weights in (before, after)])
    a, b = np.array(to_hidden).T
    difference, low, high = bootstrap(b[None], a[None])
    edges = np.stack(plain)[:, plain[0] > 0]
    print(f"{name}, {len(samples)} faces of {data}, a patch over {100 * SHARE:g} % of the landmarks")
    print(f"weight of hidden neighbors without the patch  {a.mean():.4f}")
    print(f"the same with the patch over them              {b.mean():.4f}")
    print(f"difference, with its 95 % interval             {difference:+.4f} ({low:+.4f} to {high:+.4f})")
    print(f"mean deviation of a weight from face to face   {edges.std(0).mean():.4f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
