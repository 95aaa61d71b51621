"""Losses (section III-D): Soft Wing and alternatives, the relative location loss, and the loss of the expected errors.

The elementwise losses take residuals in pixels of a 256-px crop, whatever the size of the crop: their thresholds have
no meaning in other units. With coordinates in [0, 1] Soft Wing would never leave its linear part.

Shapes: B crops, N landmarks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from facelattice.modeling.config import LossConfig
from facelattice.modeling.sdfl import Prediction
from facelattice.modeling.visibility import visibility_loss

REFERENCE_SIZE = 256.0  # crop size, in pixels, that residuals are scaled to
BACKGROUND_ERROR = 0.2  # target of the expected error where a crop shows no face, as a share of the face box


def soft_wing(residual: Tensor, w1: float = 2.0, w2: float = 20.0, eps: float = 0.5) -> Tensor:
    """Compute the Soft Wing loss (eq. 10), elementwise: |x| below ``w1``, else w2 ln(1 + |x| / eps) + B.

    B makes the loss continuous at ``w1``. The defaults are those of the released code. With them the slope jumps from 1
    to 8 at 2 px and falls below 1 only at 19.5 px, so it is not in (0, 1] as the paper states. That holds if w2 <= w1 +
    eps (`LOSSES["soft_wing_smooth"]`).

    Args:
        residual: Differences of coordinates, pixels of a 256-px crop.
        w1: Residual at which the logarithm begins.
        w2: Factor of the logarithm.
        eps: Curvature of the logarithm.

    Returns:
        Losses of the same shape.
    """
    x = residual.abs()
    b = w1 - w2 * math.log(1 + w1 / eps)
    return torch.where(x < w1, x, w2 * torch.log1p(x / eps) + b)


def wing(residual: Tensor, w: float = 10.0, eps: float = 2.0) -> Tensor:
    """Compute the Wing loss, elementwise: w ln(1 + |x| / eps) below ``w``, else |x| - C, continuous at ``w``.

    Args:
        residual: Differences of coordinates, pixels of a 256-px crop.
        w: Residual at which the linear part begins.
        eps: Curvature of the logarithm.

    Returns:
        Losses of the same shape.

    Source: Feng et al., "Wing Loss for Robust Facial Landmark Localisation", CVPR 2018.
    """
    x = residual.abs()
    c = w - w * math.log(1 + w / eps)
    return torch.where(x < w, w * torch.log1p(x / eps), x - c)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "soft_wing": soft_wing,
    "soft_wing_smooth": partial(soft_wing, w2=2.5),  # w2 = w1 + eps: the slope is continuous and at most 1
    "wing": wing,
    "l1": torch.abs,
    "l2": torch.square,
    "smooth_l1": lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none"),
}


def point_loss(loss: Callable[[Tensor], Tensor], residual: Tensor, mask: Tensor) -> Tensor:
    """Compute the mean of an elementwise loss over a batch.

    The mean is over all B N points, with 0 for missing ones. So every point has the same weight, and the mean over
    several processes equals the mean over the whole batch.

    Args:
        loss: An elementwise loss.
        residual: Predicted minus annotated points, (B, N, 2).
        mask: Annotated points, bool (B, N).
    """
    return loss(torch.where(mask[..., None], residual, 0.0)).mean()


def relative_location_loss(
    loss: Callable[[Tensor], Tensor], residual: Tensor, mask: Tensor, laplacian: Tensor
) -> Tensor:
    """Compute the loss on the positions of points relative to their neighbors: L P - L P* = L (P - P*) (eq. 9).

    A point counts if it and all its neighbors are annotated.

    Args:
        loss: An elementwise loss.
        residual: Predicted minus annotated points, (B, N, 2).
        mask: Annotated points, bool (B, N).
        laplacian: L of `landmark_graph.laplacian`, (N, N).
    """
    residual = laplacian @ torch.where(mask[..., None], residual, 0.0)  # (B, N, 2)
    complete = (~mask).to(residual.dtype) @ (laplacian != 0).to(residual.dtype).T == 0  # (B, N)
    return point_loss(loss, residual, complete)


def expected_error_loss(expected: Tensor, distance: Tensor, mask: Tensor) -> Tensor:
    """Compute the negative log-likelihood of the distances of the points from the truth.

    The distribution of a distance d is exponential with the expected error s as mean: d / s + ln s is minimal where s
    is the mean of d. The distances are detached, as this loss must not move the points. Distances below 0.1 px count as
    0.1 px.

    Args:
        expected: Expected errors, (B, N), pixels of the crop.
        distance: Distances of the predicted points from the truth, (B, N), pixels of the crop.
        mask: Points whose distance is known, bool (B, N).
    """
    distance = torch.where(mask, distance.detach().clamp(min=0.1), 1.0)
    return torch.where(mask, distance / expected + expected.log(), 0.0).mean()


def uncertainty_targets(
    points: Tensor, batch: Mapping[str, Tensor], crop_size: int, crop_margin: float
) -> tuple[Tensor, Tensor]:
    """Compute the distances that the expected errors are trained with.

    Only points annotated by people are used: a network is closer to pseudo-labels, so these would make the expected
    errors too small. The target for a crop without a face is a large distance.

    Args:
        points: Predicted points, (B, N, 2), pixels of the crop.
        batch: "points" (B, N, 2), "mask" (B, N), "annotated" (B,), "background" (B,).
        crop_size: Side of the crop in pixels.
        crop_margin: Side of the crop over the side of the face box.

    Returns:
        Distances (B, N), pixels of the crop, and where they are known, bool (B, N).
    """
    distance = (points - batch["points"]).norm(dim=-1)
    known = batch["mask"] & batch["annotated"][:, None]
    background = batch["background"][:, None].expand_as(known)
    distance = torch.where(background, BACKGROUND_ERROR * crop_size / crop_margin, distance)
    return distance, known | background


def sdfl_losses(
    prediction: Prediction,
    batch: Mapping[str, Tensor],
    laplacian: Tensor,
    config: LossConfig,
    crop_size: int,
    crop_margin: float,
) -> dict[str, Tensor]:
    """Compute the weighted terms of the training loss; their sum is minimized.

    Args:
        prediction: Output of the network.
        batch: "points" (B, N, 2), "mask" (B, N), "visibility" (B, N), "annotated" (B,), "background" (B,), "turned"
            (B,): the crop is turned so far that its points train the expected errors only.
        laplacian: L of `landmark_graph.laplacian`, (N, N).
        config: The loss function and the weights of the terms.
        crop_size: Side of the crop in pixels.
        crop_margin: Side of the crop over the side of the face box.

    Returns:
        Scalars by name: "points", "relative", "located" (if there are located points), "uncertainty", "visibility".
    """
    loss, scale = LOSSES[config.function], REFERENCE_SIZE / crop_size
    mask = batch["mask"] & ~batch["turned"][:, None]  # (B, N)
    residual = (prediction.points - batch["points"]) * scale  # (B, N, 2)
    losses = {
        "points": point_loss(loss, residual, mask),
        "relative": config.relative_weight * relative_location_loss(loss, residual, mask, laplacian),
    }
    if prediction.located_points is not None:
        residual = (prediction.located_points - batch["points"]) * scale
        losses["located"] = config.located_weight * point_loss(loss, residual, mask)
    distance, known = uncertainty_targets(prediction.points, batch, crop_size, crop_margin)
    losses["uncertainty"] = config.uncertainty_weight * expected_error_loss(prediction.expected_errors, distance, known)
    visibility = visibility_loss(prediction.visibility_logits, batch["visibility"])
    losses["visibility"] = config.visibility_weight * visibility
    return losses
