"""bf16 on the CPU where it is fast, float32 where it is not."""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn


def depthwise_in_float32(network: nn.Module) -> None:
    """Let the depthwise convolutions of a network compute in float32 under CPU autocast, the rest as before.

    oneDNN has no fast bf16 gradient for them, least of all for strides of 2 and 5 x 5 kernels: a training step of
    EfficientNet-Lite0 takes three quarters of the time like this, one of MobileNetV2 as much as before
    (`benchmarks/precision.py`).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]  # a copy gets its own


def _in_float32(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return type(convolution).forward(convolution, x.float()).to(x.dtype)
