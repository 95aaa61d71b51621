"""Batch normalization over all processes, so that several processes compute the same as one with the whole batch.

On CUDA this is torch's SyncBatchNorm. It does not run on the CPU, where `CPUSyncBatchNorm` replaces it.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import convert_sync_batchnorm as timm_convert_sync_batchnorm
from torch import Tensor, nn
from torch.distributed import all_gather_into_tensor, all_reduce, get_world_size
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm


def convert_sync_batchnorm(network: nn.Module, device: torch.device) -> nn.Module:
    """Replace every batch normalization of a network by a synchronized one.

    Args:
        network: The network, which may be changed in place.
        device: Where it will run.

    Returns:
        The converted network.
    """
    if device.type == "cuda":
        converted: nn.Module = timm_convert_sync_batchnorm(network)
        return converted
    for name, child in network.named_children():
        setattr(network, name, CPUSyncBatchNorm(child) if isinstance(child, _BatchNorm) else child)
        if not isinstance(child, _BatchNorm):
            convert_sync_batchnorm(child, device)
    return network


class _Normalize(torch.autograd.Function):
    """Normalizes x (B, C, ...) over the batches of all processes.

    Returns the result, and the mean and variance (C,). It uses torch's own kernels: with elementary operations, a step
    of a small network took 1.7 times as long.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        _, local_mean, local_inverse_std = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)
        local = torch.stack([local_mean, local_inverse_std.pow(-2) - eps])
        gathered = local.new_empty(get_world_size() * 2, local.shape[1])
        all_gather_into_tensor(gathered, local)
        means, variances = gathered.view(-1, 2, local.shape[1]).unbind(1)  # of processes with the same number of faces
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return batch_norm(x, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, variance = ctx.saved_tensors
        # The gradient for constant mean and variance. Their own terms are added below.
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.stack([to_weight, to_bias])
        all_reduce(sums)
        count = get_world_size() * x.numel() // x.shape[1]
        by_variance, by_mean = -sums * weight / (variance + ctx.eps).sqrt() / count
        return to_x + batch_norm(x, mean, variance, by_variance, by_mean, eps=ctx.eps), to_weight, to_bias, None


class CPUSyncBatchNorm(nn.Module):
    """Synchronized batch normalization for the CPU, with the parameters and buffers of the layer that it replaces.

    Args:
        norm: The batch normalization that it replaces; timm's activation in it is kept.
    """

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
        """Normalize x (B, C, ...), over all processes in training mode."""
        if not self.training:
            return self.act(batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps))
        y, mean, variance = _Normalize.apply(x, self.weight, self.bias, self.eps)
        count = get_world_size() * x.numel() // x.shape[1]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return self.act(y)
