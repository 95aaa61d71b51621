import torch

from facelattice.modeling.edge_weights import EdgeWeights
from facelattice.modeling.graph_layers import GraphConv, GraphHead, GraphLayer, LinearHead, ResidualBlock

GRAPH = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]]).bool()


def static_edge_weights() -> torch.Tensor:
    torch.manual_seed(0)
    module = EdgeWeights("static", GRAPH, global_dim=10).eval()
    torch.nn.init.normal_(module.logits)
    return module(torch.zeros(1, 10))


def test_graph_convolution_by_hand():
    conv = GraphConv(1, 1)
    for layer, weight in ((conv.self_linear, 10.0), (conv.neighbor_linear, 1.0)):
        torch.nn.init.constant_(layer.weight, weight)
    torch.nn.init.constant_(conv.self_linear.bias, 8.0)
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]])
    nodes = torch.tensor([[[1.0], [2], [4]]])
    # (10 x + 8) times the self edge, plus the neighbors times their edges
    assert conv(nodes, weights).flatten().tolist() == [9 + 0.5 + 1, 28, 0.5 + 1]


def test_a_node_depends_on_its_neighbors_only():
    torch.manual_seed(1)
    conv, weights = GraphConv(6, 5), static_edge_weights()
    nodes = torch.randn(1, 4, 6)
    for changed in range(4):
        other = nodes.clone()
        other[0, changed] += 1
        differs = (conv(other, weights) - conv(nodes, weights)).abs().amax(-1)[0] > 1e-6
        assert torch.equal(differs, GRAPH[:, changed])


def test_shared_edge_weights_broadcast_over_the_batch():
    torch.manual_seed(2)
    head, weights = GraphHead(6, 8, depth=2).eval(), static_edge_weights()
    nodes = torch.randn(3, 4, 6)
    torch.testing.assert_close(head(nodes, weights), head(nodes, weights.expand(3, -1, -1)))
    torch.testing.assert_close(head(nodes, weights)[1:2], head(nodes[1:2], weights))


def test_layer_ends_with_relu_and_block_has_a_skip_connection():
    torch.manual_seed(5)
    weights, nodes = static_edge_weights(), torch.randn(3, 4, 6)
    out = GraphLayer(6, 8)(nodes, weights)
    assert out.min() == 0
    assert 0.2 < (out > 0).float().mean() < 0.8
    block = ResidualBlock(6)
    torch.nn.init.zeros_(block.layer2.norm.weight)  # only the skip connection is left
    torch.testing.assert_close(block(nodes, weights), nodes)


def test_information_travels_one_edge_per_layer():
    torch.manual_seed(3)
    line = (torch.eye(4) + torch.diag(torch.ones(3), -1)).bool()  # point i - 1 is the neighbor of point i
    weights = EdgeWeights("binary", line, 1)(torch.zeros(1, 1))
    nodes = torch.randn(1, 4, 6)
    other = nodes.clone()
    other[0, 0] += 5
    for depth, reach in ((0, 2), (1, 4)):  # the stem is one layer, a block has two
        head = GraphHead(6, 32, depth).eval()
        differs = (head(other, weights) - head(nodes, weights)).abs().amax(-1)[0] > 1e-6
        assert differs.tolist() == [i < reach for i in range(4)]


def test_linear_head_connects_all_points():
    torch.manual_seed(4)
    head = LinearHead(num_points=4, in_dim=6, dim=32).eval()
    nodes = torch.randn(2, 4, 6)
    assert head(nodes).shape == (2, 4, 32)
    other = nodes.clone()
    other[:, 3] += 5
    assert ((head(other) - head(nodes)).abs().amax(-1) > 1e-6).all()


def test_output_bias_is_added_to_every_node():
    torch.manual_seed(6)
    conv, nodes = GraphConv(6, 5, output_bias=True), torch.randn(2, 4, 6)
    weights = static_edge_weights()
    identity = torch.eye(4)
    expected = (weights * identity) @ nodes @ conv.self_linear.weight.T
    expected = expected + (weights * (1 - identity)) @ nodes @ conv.neighbor_linear.weight.T + conv.self_linear.bias
    torch.testing.assert_close(conv(nodes, weights), expected)
