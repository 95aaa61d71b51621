import copy

import timm
import torch
from torch import nn

from facelattice.training.precision import depthwise_in_float32


def test_depthwise_convolutions_run_in_float32_and_copies_are_independent():
    network = timm.create_model("mobilenetv4_conv_small_050", num_classes=4).train()
    images = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = network(images)
    depthwise_in_float32(network)
    assert torch.equal(network(images), plain)  # no change outside of autocast
    dtypes = set()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.register_forward_hook(lambda m, args, out: dtypes.add((args[0].dtype, out.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        network(images).sum().backward()
    assert dtypes == {(torch.bfloat16, torch.bfloat16)}
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert not copied(images).any()
    assert network(images).any()
