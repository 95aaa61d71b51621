from __future__ import annotations

import numpy as np
import pytest

from facelattice.evaluation.bootstrap import bootstrap, verdict


def test_the_bootstrap_by_hand():
    """Without any spread there is no interval; with a known one it is that of the mean."""
    assert bootstrap(np.full((3, 50), 4.0), np.full((3, 50), 3.0)) == pytest.approx((1, 1, 1))
    rng = np.random.default_rng(0)
    a = rng.normal(1, 2, (1, 400))
    difference, low, high = bootstrap(a, np.zeros((1, 400)))
    assert difference == pytest.approx(a.mean())
    assert high - low == pytest.approx(2 * 1.96 * a.std() / 20, rel=0.05)


def test_seeds_that_disagree_widen_the_interval():
    faces = np.random.default_rng(0).normal(5, 1, 200)
    agreeing = np.stack([faces + 0.1] * 3), np.stack([faces] * 3)
    spread = np.array([[-0.5], [0], [0.5]])
    _, low, high = bootstrap(agreeing[0] + spread, agreeing[1] + spread)
    assert bootstrap(*agreeing)[1:] == pytest.approx((0.1, 0.1))
    assert low < 0 < 0.2 < high


def test_the_same_seed_gives_the_same_interval():
    a, b = np.random.default_rng(0).normal(size=(2, 1, 30))
    assert bootstrap(a, b) == bootstrap(a, b)
    assert bootstrap(a, b) != bootstrap(a, b, seed=1)


def test_a_tie_holds_nothing():
    assert verdict(-0.1, 0.1) == verdict(0.0, 0.1) == "tie"
    assert verdict(0.1, 0.2) == "worse"
    assert verdict(-0.2, -0.1, "win", "loss") == "win"
