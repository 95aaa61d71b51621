import math

import pytest

from facelattice.training.config import OptimizerConfig
from facelattice.training.schedule import learning_rate


def test_cosine_schedule_with_warmup():
    config = OptimizerConfig(lr=1.0, warmup_epochs=2.0)
    expected = {0: 0.005, 1: 0.505, 2: 1.0, 4: (2 + math.sqrt(2)) / 4, 6: 0.5, 8: (2 - math.sqrt(2)) / 4, 10: 0.0}
    assert {at: pytest.approx(learning_rate(config, at, 10)) for at in expected} == expected
    expected = {
        0: 0.02,
        0.25: 0.52,
        0.5: 1.0,
        0.75: 0.5,
        1: 0.0,
    }  # a run shorter than the warmup
    assert {at: pytest.approx(learning_rate(config, at, 1)) for at in expected} == expected


def test_step_schedule():
    config = OptimizerConfig(lr=0.01, schedule="step", warmup_epochs=0, milestones=[200, 350], decay_factor=0.2)
    expected = {0: 0.01, 199.99: 0.01, 200: 0.002, 349.99: 0.002, 350: 0.0004, 499: 0.0004}
    assert {at: pytest.approx(learning_rate(config, at, 500)) for at in expected} == expected
