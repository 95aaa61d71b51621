from __future__ import annotations

import time

from facelattice.training.fit import train


def test_x(write_recipe, tmp_path):
    t = time.time()
    train(write_recipe(), [], tmp_path / "run")
    print(time.time() - t)
    print(list((tmp_path / "run").iterdir()))
    print((tmp_path / "run" / "log.csv").read_text())
