"""bf16 on the CPU for the layers that are fast in it, float32 for the others."""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn


def depthwise_in_float32(network: nn.Module) -> None:
    """Compute the depthwise convolutions of a network in float32 under CPU autocast.

    oneDNN has no fast bf16 gradient for them, especially for strides of 2 and 5 x 5 kernels. In float32, a training
    step of EfficientNet-Lite0 takes a quarter less time, and one of MobileNetV2 the same (`benchmarks/precision.py`).

    Args:
        network: The network, changed in place.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = MethodType(_in_float32, module)  # type: ignore[method-assign]  # bound to this layer


def _in_float32(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return type(convolution).forward(convolution, x.float()).to(x.dtype)
