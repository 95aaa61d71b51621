from __future__ import annotations

import numpy as np
import pytest

from facelattice.evaluation.bootstrap import Difference, paired_bootstrap


def test_interval_of_the_mean():
    """Constant errors have an interval of width 0; normal errors have the interval of the normal distribution."""
    assert paired_bootstrap(np.full((3, 50), 4.0), np.full((3, 50), 3.0)) == pytest.approx((1, 1, 1))
    a = np.random.default_rng(0).normal(1, 2, (1, 400))
    difference = paired_bootstrap(a, np.zeros((1, 400)))
    assert difference.mean == pytest.approx(a.mean())
    assert difference.high - difference.low == pytest.approx(2 * 1.96 * a.std() / 20, rel=0.05)


def test_variation_between_runs_widens_the_interval():
    faces = np.random.default_rng(0).normal(5, 1, 200)
    a, b = np.stack([faces + 0.1] * 3), np.stack([faces] * 3)
    assert paired_bootstrap(a, b)[1:] == pytest.approx((0.1, 0.1))
    runs = np.array([[-0.5], [0], [0.5]])
    _, low, high = paired_bootstrap(a + runs, b + runs)
    assert low < 0 < 0.2 < high


def test_interval_is_deterministic():
    a, b = np.random.default_rng(0).normal(size=(2, 1, 30))
    assert paired_bootstrap(a, b) == paired_bootstrap(a, b)
    assert paired_bootstrap(a, b) != paired_bootstrap(a, b, seed=1)


def test_tie_if_the_interval_contains_0():
    assert Difference(0, -0.1, 0.1).verdict() == Difference(0.05, 0.0, 0.1).verdict() == "tie"
    assert Difference(0.15, 0.1, 0.2).verdict() == "worse"
    assert Difference(-0.15, -0.2, -0.1).verdict("win", "loss") == "win"
