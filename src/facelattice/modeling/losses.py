"""Losses on points (section III-D): Soft Wing and those it is compared with, the relative location loss, expected
errors.

The elementwise losses take residuals in pixels of a 256-px crop, whatever the crop's real size: their thresholds mean
nothing in other units. (Fed with coordinates in [0, 1], Soft Wing never leaves its linear part.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

UNIT = 256.0  # the crop size, in pixels, that residuals are expressed in


def soft_wing(residual: Tensor, w1: float = 2.0, w2: float = 20.0, eps: float = 0.5) -> Tensor:
    """|x| below ``w1``, else w2 ln(1 + |x| / eps) + B, with B so that the two meet (eq. 10). Elementwise.

    The defaults are the released ones: there the slope jumps from 1 to 8 at 2 px and is below 1 only beyond 19.5 px, so
    the paper's claim of a slope in (0, 1] does not hold for them. It holds when w2 <= w1 + eps
    (`LOSSES["soft_wing_smooth"]`).
    """
    x = residual.abs()
    b = w1 - w2 * math.log(1 + w1 / eps)
    return torch.where(x < w1, x, w2 * torch.log1p(x / eps) + b)


def wing(residual: Tensor, w: float = 10.0, eps: float = 2.0) -> Tensor:
    """w ln(1 + |x| / eps) below ``w``, else |x| - C (Feng et al., CVPR 2018). Elementwise."""
    x = residual.abs()
    c = w - w * math.log(1 + w / eps)
    return torch.where(x < w, w * torch.log1p(x / eps), x - c)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "soft_wing": soft_wing,
    "soft_wing_smooth": partial(soft_wing, w2=2.5),  # w2 = w1 + eps: the slope is continuous and never above 1
    "wing": wing,
    "l1": torch.abs,
    "l2": torch.square,
    "smooth_l1": lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none"),
}


def point_loss(loss: Callable[[Tensor], Tensor], residual: Tensor, mask: Tensor) -> Tensor:
    """The mean of an elementwise loss over a batch: residual (B, N, 2), mask (B, N) of the points that are annotated.

    Missing points count as 0 in a mean over all B N points, not over those present: so every point weighs the same, and
    the mean over several processes is the mean over the whole batch.
    """
    return loss(torch.where(mask[..., None], residual, 0.0)).mean()


def relative_location_loss(
    loss: Callable[[Tensor], Tensor], residual: Tensor, mask: Tensor, laplacian: Tensor
) -> Tensor:
    """The same loss on where each point lies relative to its neighbors: L P - L P* = L (P - P*) (eq. 9).

    A point takes part where it and all its neighbors are annotated.
    """
    residual = laplacian @ torch.where(mask[..., None], residual, 0.0)
    complete = (~mask).to(residual.dtype) @ (laplacian != 0).to(residual.dtype).T == 0
    return point_loss(loss, residual, complete)


def expected_error_loss(expected: Tensor, distance: Tensor, mask: Tensor) -> Tensor:
    """Negative log likelihood of distances (B, N) under exponential distributions of mean ``expected`` (B, N).

    d / s + ln s is least where s is the mean of d, so the network learns the mean distance itself. The distances are
    held fixed: being honest about errors must not change the points. A distance below 0.1 counts as 0.1.
    """
    distance = torch.where(mask, distance.detach().clamp(min=0.1), 1.0)
    return torch.where(mask, distance / expected + expected.log(), 0.0).mean()
