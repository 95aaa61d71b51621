import copy

import pytest
import torch
from torch import nn

from facelattice.training.sync_batchnorm import CPUSyncBatchNorm, convert_sync_batchnorm


@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.BatchNorm2d(5), (4, 5, 3, 3)), (nn.BatchNorm1d(5), (8, 5)), (nn.BatchNorm1d(5), (4, 5, 6))]
)
def test_one_process_equals_batch_norm(tmp_path, norm, shape):
    module = nn.Sequential(copy.deepcopy(norm))
    convert_sync_batchnorm(module, torch.device("cpu"))
    assert isinstance(module[0], CPUSyncBatchNorm)
    assert module.state_dict().keys() == nn.Sequential(norm).state_dict().keys()
    x = 1000 + torch.randn(shape, generator=torch.Generator().manual_seed(0))  # a mean far above the standard deviation
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        y = module(ours)
        (y**3).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    expected = norm(theirs)
    (expected**3).sum().backward()
    torch.testing.assert_close(y, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(dict(module[0].named_buffers()), dict(norm.named_buffers()), rtol=1e-4, atol=1e-4)


def test_bf16_equals_batch_norm(tmp_path):
    norm = nn.BatchNorm2d(5)
    module = nn.Sequential(copy.deepcopy(norm))
    convert_sync_batchnorm(module, torch.device("cpu"))
    x = (3 + 2 * torch.randn(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))).bfloat16()
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        y = module(ours)
        (y.float() ** 3).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    expected = norm(theirs)
    (expected.float() ** 3).sum().backward()
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, expected, rtol=0.01, atol=0.02)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0.02, atol=0.05)
    torch.testing.assert_close(module[0].weight.grad, norm.weight.grad, rtol=0.01, atol=0.1)
    torch.testing.assert_close(dict(module[0].named_buffers()), dict(norm.named_buffers()), rtol=1e-4, atol=1e-4)
