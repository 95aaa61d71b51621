import pytest
import torch
from torch import nn

from facelattice.modeling.node_embedding import FlattenEmbedding


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_each_node_is_a_group_of_feature_maps(memory):
    embedding = FlattenEmbedding(3, [5], 64, maps_per_point=4, pool_backbone=False)
    embedding.phi = nn.Identity()
    maps = torch.randn(2, 12, 2, 2).to(memory_format=memory)
    nodes = embedding([maps])
    assert (nodes.features.shape, embedding.node_dim, embedding.global_dim) == ((2, 3, 16), 16, 12)
    torch.testing.assert_close(nodes.features[:, 1], maps[:, 4:8].flatten(1))
    torch.testing.assert_close(nodes.global_features, maps.mean((2, 3)))


def test_global_features_of_the_backbone():
    embedding = FlattenEmbedding(3, [5], 64, maps_per_point=4, pool_backbone=True)
    maps = torch.randn(2, 5, 2, 2)
    nodes = embedding([maps])
    assert embedding.global_dim == 5
    torch.testing.assert_close(nodes.global_features, maps.mean((2, 3)))


def test_node_of_a_256_px_crop_has_256_features():
    assert FlattenEmbedding(98, [512], 256, maps_per_point=4, pool_backbone=False).node_dim == 256
