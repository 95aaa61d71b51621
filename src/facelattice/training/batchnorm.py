"""Batch normalisation over the faces of all processes, on the CPU too, where torch's SyncBatchNorm refuses to run.

With it, two processes with half a batch each do what one does with the whole batch, to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import all_reduce, get_world_size
from torch.nn.modules.batchnorm import _BatchNorm


class _Sum(torch.autograd.Function):
    """The sum over all processes, through which gradients flow: they are summed likewise."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.contiguous().clone()
        all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


class GlobalBatchNorm(nn.Module):
    """In the place of a batch normalisation, with its parameters, buffers and names, and timm's activation if any."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: _BatchNorm):
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)
        self.eps, self.momentum = norm.eps, norm.momentum or 0.1
        self.act = getattr(norm, "act", nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.running_mean
        variance: Tensor = self.running_var
        shape = [1, -1] + [1] * (x.ndim - 2)
        if self.training:
            axes = [0, *range(2, x.ndim)]
            values = x.float()
            count = get_world_size() * x.numel() // x.shape[1]  # every process has as many faces
            mean = _Sum.apply(values.sum(axes)) / count
            # In two passes: the mean of squares less the square of the mean cancels out where the mean is large.
            variance = _Sum.apply((values - mean.view(shape)).square().sum(axes)) / count
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight / (variance + self.eps).sqrt()
        return self.act((x * scale.view(shape) + (self.bias - mean * scale).view(shape)).to(x.dtype))


def synchronise(module: nn.Module) -> None:
    """Put `GlobalBatchNorm` in the place of every batch normalisation below ``module``."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            setattr(module, name, GlobalBatchNorm(child))
        else:
            synchronise(child)
