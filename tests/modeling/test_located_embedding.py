import pytest
import torch
from torch import nn

from facelattice.modeling.located_embedding import LocalFeatures, LocatedEmbedding


def test_peak_is_located_at_the_center_of_its_cell():
    class Peaks(nn.Module):
        def forward(self, x):
            maps = torch.zeros(1, 2, 8, 8)
            maps[0, 0, 0, 5] = maps[0, 1, 7, 2] = 60.0
            return maps

    embedding = LocatedEmbedding(2, [4, 6], 64, dim=16).eval()
    embedding.heatmaps = Peaks()
    nodes = embedding([torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)])
    # Cell 5 covers pixels 40 to 47, cell 0 pixels 0 to 7.
    torch.testing.assert_close(nodes.start_points, torch.tensor([[[43.5, 3.5], [19.5, 59.5]]]), atol=1e-3, rtol=0)
    assert nodes.features.shape == (1, 2, embedding.node_dim)
    assert nodes.global_features.shape == (1, embedding.global_dim)
    assert nodes.global_features[0, -2:].max() < 0.01  # the standard deviations


def test_node_features_by_hand():
    class Probabilities(nn.Module):
        def forward(self, x):
            return torch.tensor([[[[0.5, 0.25], [0.125, 0.125]]]]).log()

    embedding = LocatedEmbedding(1, [2], 16, dim=2, point_dim=3)
    embedding.laterals, embedding.fuse, embedding.heatmaps = (
        nn.ModuleList([nn.Identity()]),
        nn.Identity(),
        Probabilities(),
    )
    nodes = embedding([torch.tensor([[[[1.0, 2], [3, 4]], [[10, 20], [30, 40]]]])])
    heatmap = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    sampled = torch.tensor([0.5 + 0.5 + 0.375 + 0.5, 5 + 5 + 3.75 + 5])
    # Columns sum to 0.625 and 0.375, rows to 0.75 and 0.25, at -1 and 1: the mean of the squares is 1.
    position = torch.tensor([-0.25, -0.5])
    std = torch.tensor([(1 + 1 - 0.25**2 - 0.5**2) ** 0.5])
    expected = torch.cat([heatmap, sampled, position, std, torch.tensor([0.5]), embedding.point_embedding[0]])
    torch.testing.assert_close(nodes.features[0, 0], expected)
    torch.testing.assert_close(nodes.global_features[0], torch.cat([torch.tensor([2.5, 25]), std]))
    # Cells lie at 3.5 and 11.5 px.
    torch.testing.assert_close(nodes.start_points[0, 0], torch.tensor([3.5 + 0.375 * 8, 3.5 + 0.25 * 8]))


def test_flat_heatmap_has_the_largest_std_and_is_at_the_center():
    embedding = LocatedEmbedding(2, [4, 6], 64, dim=16).eval()
    nn.init.zeros_(embedding.heatmaps.weight)
    nn.init.zeros_(embedding.heatmaps.bias)
    nodes = embedding([torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)])
    torch.testing.assert_close(nodes.start_points, torch.full((1, 2, 2), 31.5))
    cells = torch.linspace(-1, 1, 8)
    torch.testing.assert_close(
        nodes.global_features[0, -2:], torch.full((2,), (2 * cells.square().mean()).sqrt().item())
    )


@pytest.mark.parametrize("size", [64, 160])
def test_local_features_are_sampled_around_the_position(size):
    local = LocalFeatures(3, 5, size)
    rows, columns = torch.meshgrid(*2 * [4 * torch.arange(size / 4) + 1.5], indexing="ij")  # the centers of its cells
    located = LocatedEmbedding(1, [4, 6], size, dim=16)
    position = torch.tensor([[[0.25, -0.5], [0.0, 0.0]]])
    sampled = local.sample_around(torch.stack([columns, rows])[None], position).unflatten(2, (9, 2))
    pixels = position * located.half_extent + located.center
    torch.testing.assert_close(sampled[:, :, 4], pixels)
    around = torch.cartesian_prod(torch.tensor([-4.0, 0, 4]), torch.tensor([-4.0, 0, 4]))
    torch.testing.assert_close(sampled, pixels[:, :, None] + around)
    corner = local.sample_around(torch.stack([columns, rows])[None], torch.tensor([[[-1.0, 1]]])).unflatten(2, (9, 2))
    # Beyond the center of the last cell its value is repeated.
    expected = (torch.tensor([3.5, size - 4.5]) + around).clamp(1.5, size - 2.5)
    torch.testing.assert_close(corner[0, 0], expected)


def test_local_features_do_not_train_the_position():
    embedding = LocatedEmbedding(2, [3, 4, 6], 64, stride4_features=True, dim=16)
    nodes = embedding([torch.randn(2, 3, 16, 16), torch.randn(2, 4, 8, 8), torch.randn(2, 6, 4, 4)])
    nodes.features[:, :, -embedding.local_features.out_dim :].square().sum().backward()
    assert not embedding.heatmaps.weight.grad.any()
    assert embedding.local_features.detail.weight.grad.any()
    assert embedding.local_features.context.weight.grad.any()
