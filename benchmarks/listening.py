"""Do points listen less to neighbours that are hidden? python benchmarks/listening.py MODEL DATA

On each face of DATA a grey patch covers 30 % of the landmarks. Of every point in sight that has neighbours on both
sides of the patch's edge: how much it listens to the hidden ones, before the patch and with it. The interval is that of
a bootstrap over faces; beside it, how much weights differ between one face and another at all.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facelattice import geometry
from facelattice.data.sample import to_scheme
from facelattice.data.sources import read_samples
from facelattice.evaluation.bootstrap import bootstrap
from facelattice.evaluation.robustness import cover, in_crop
from facelattice.pictures import read_picture
from facelattice.runtime import Model
from facelattice.weights import find_model

SHARE = 0.3


def main(name: str, data: str) -> None:
    model = Model(find_model(name))
    samples = to_scheme(read_samples(Path(data)), model.scheme, None)
    plain, to_hidden = [], []
    for i, sample in enumerate(samples):
        matrix = geometry.crop_transform(sample.box, model.size, model.margin)
        crop = geometry.warp(read_picture(sample.path), matrix, model.size)
        box, hidden = cover(sample.points, sample.mask, SHARE, np.random.default_rng([0, i]))
        patched = crop.copy()
        patched[in_crop(box, matrix)] = 128
        before, after = model.weights(np.stack([crop, patched]))
        plain.append(before)
        others = (before > 0) & ~np.eye(len(hidden), dtype=bool)
        both = ~hidden & (others & hidden).any(1) & (others & ~hidden).any(1)
        if both.any():
            to_hidden.append([weights[both][:, hidden].sum(1).mean() for weights in (before, after)])
    a, b = np.array(to_hidden).T
    difference, low, high = bootstrap(b[None], a[None])
    edges = np.stack(plain)[:, plain[0] > 0]
    print(f"{name}, {len(samples)} faces of {data}, a patch over {100 * SHARE:g} % of the landmarks")
    print(f"weight of hidden neighbours without the patch  {a.mean():.4f}")
    print(f"the same with the patch over them              {b.mean():.4f}")
    print(f"difference, with its 95 % interval             {difference:+.4f} ({low:+.4f} to {high:+.4f})")
    print(f"mean deviation of a weight from face to face   {edges.std(0).mean():.4f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
