"""The learning rate schedule."""

from __future__ import annotations

import math

from facelattice.training.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, epoch: float, num_epochs: int) -> float:
    """Compute the learning rate ``epoch`` epochs after the start of a run of ``num_epochs``."""
    warmup = min(config.warmup_epochs, num_epochs / 2)  # trial runs often have one epoch
    if epoch < warmup:
        return config.lr * (epoch + 0.01) / warmup
    if config.schedule == "step":
        return config.lr * config.decay_factor ** sum(epoch >= milestone for milestone in config.milestones)
    return config.lr * 0.5 * (1 + math.cos(math.pi * (epoch - warmup) / (num_epochs - warmup)))
