from __future__ import annotations

import numpy as np
from facelattice_synthetic.assets import Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.head import AVERAGE, NEUTRAL, build_head, sample_expression


def test_a_broad_smile_moves_the_mouth_and_excludes_other_shapes_of_it(assets: Assets):
    neutral = build_head(assets, AVERAGE, NEUTRAL)
    for seed in range(20):
        expression = sample_expression(Config(broad_smile=1, open_mouth=0), np.random.default_rng(seed))
        smile = [expression.actions[f"mouthSmile{side}"] for side in ("Left", "Right")]
        assert 0.54 <= min(smile) <= max(smile) <= 1
        assert not any(name.startswith(("mouthPucker", "mouthFrown", "mouthPress")) for name in expression.actions)
        moved = build_head(assets, AVERAGE, expression) - neutral
        assert np.linalg.norm(moved, axis=1).max() > 0.05  # decimeters


def test_without_broad_smiles_some_mouths_are_closed():
    config = Config(broad_smile=0, open_mouth=0)
    expressions = [sample_expression(config, np.random.default_rng(seed)) for seed in range(50)]
    assert all(expression.actions["jawOpen"] < 0 for expression in expressions)
