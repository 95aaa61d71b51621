import pytest
import torch

from facelattice.modeling.graph_layers import (
    EdgeWeights,
    GraphConv,
    GraphHead,
    GraphLayer,
    LinearHead,
    ResidualBlock,
)

GRAPH = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]]).bool()
KINDS = ["dynamic", "static", "binary", "dense"]


def edges(kind: str) -> EdgeWeights:
    torch.manual_seed(0)
    module = EdgeWeights(kind, GRAPH, features=10).eval()
    if kind in ("static", "dense"):
        torch.nn.init.normal_(module.logits)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_rows_sum_to_1_over_the_neighbors_only(kind):
    weights = edges(kind)(torch.randn(5, 10))
    assert weights.shape == (5 if kind == "dynamic" else 1, 4, 4)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    neighbors = torch.ones_like(GRAPH) if kind == "dense" else GRAPH
    assert (weights[:, neighbors] > 0).all()
    assert (weights[:, ~neighbors] == 0).all()


def test_binary_weights_are_1_over_the_degree():
    expected = [[1 / 2, 1 / 2, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [0, 1 / 2, 1 / 2, 0], [1 / 4] * 4]
    torch.testing.assert_close(edges("binary")(torch.randn(2, 10))[0], torch.tensor(expected))


def test_only_dynamic_weights_change_with_the_image():
    pooled = torch.randn(2, 10)
    weights = edges("dynamic")(pooled)
    assert (weights[0] - weights[1]).abs().max() > 0.01
    torch.testing.assert_close(weights[0], edges("dynamic")(pooled[[0, 0]])[1])
    for kind in ("static", "binary", "dense"):
        assert torch.equal(edges(kind)(pooled), edges(kind)(pooled + 1))


@pytest.mark.parametrize(("kind", "learned"), [("static", 11), ("dense", 16), ("binary", 0)])
def test_as_many_weights_are_learned_as_there_are_edges(kind, learned):
    assert sum(p.numel() for p in edges(kind).parameters()) == learned


def test_a_weight_stands_in_the_place_of_its_edge():
    module = edges("static")
    torch.nn.init.zeros_(module.logits)
    module.logits.data[0, 3] = 50.0  # row by row the fourth edge is (1, 1)
    row = module(torch.zeros(1, 10))[0, 1]
    torch.testing.assert_close(row, torch.tensor([0.0, 1, 0, 0]))


def test_unknown_edge_weights():
    with pytest.raises(ValueError, match="dynamic, static, binary or dense, not 'fixed'"):
        EdgeWeights("fixed", GRAPH, 10)


def test_graph_convolution_by_hand():
    conv = GraphConv(1, 1)
    for layer, weight in ((conv.own, 10.0), (conv.others, 1.0)):
        torch.nn.init.constant_(layer.weight, weight)
    torch.nn.init.constant_(conv.own.bias, 8.0)
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]])
    nodes = torch.tensor([[[1.0], [2], [4]]])
    # itself x 10 + 8, by its own weight, and the neighbors by theirs
    assert conv(nodes, weights).flatten().tolist() == [9 + 0.5 + 1, 28, 0.5 + 1]


def test_a_point_hears_its_neighbors_and_nobody_else():
    torch.manual_seed(1)
    conv, weights = GraphConv(6, 5), edges("static")(torch.zeros(1, 10))
    nodes = torch.randn(1, 4, 6)
    for speaker in range(4):
        louder = nodes.clone()
        louder[0, speaker] += 1
        heard = (conv(louder, weights) - conv(nodes, weights)).abs().amax(-1)[0] > 1e-6
        assert torch.equal(heard, GRAPH[:, speaker])


def test_one_set_of_weights_serves_every_image():
    torch.manual_seed(2)
    head, weights = GraphHead(6, 8, depth=2).eval(), edges("static")(torch.zeros(1, 10))
    nodes = torch.randn(3, 4, 6)
    torch.testing.assert_close(head(nodes, weights), head(nodes, weights.expand(3, -1, -1)))
    torch.testing.assert_close(head(nodes, weights)[1:2], head(nodes[1:2], weights))


def test_a_layer_gives_nothing_below_0_and_a_block_has_a_way_around_it():
    torch.manual_seed(5)
    weights, nodes = edges("static")(torch.zeros(1, 10)), torch.randn(3, 4, 6)
    given = GraphLayer(6, 8)(nodes, weights)
    assert given.min() == 0
    assert 0.2 < (given > 0).float().mean() < 0.8
    block = ResidualBlock(6)
    torch.nn.init.zeros_(block.two.norm.weight)  # nothing comes the other way
    torch.testing.assert_close(block(nodes, weights), nodes)


def test_words_travel_one_edge_a_layer():
    torch.manual_seed(3)
    line = (torch.eye(4) + torch.diag(torch.ones(3), -1)).bool()  # point i hears point i - 1
    weights = EdgeWeights("binary", line, 1)(torch.zeros(1, 1))
    nodes = torch.randn(1, 4, 6)
    louder = nodes.clone()
    louder[0, 0] += 5
    for depth, reach in ((0, 2), (1, 4)):  # one layer, then two more a block
        head = GraphHead(6, 32, depth).eval()
        heard = (head(louder, weights) - head(nodes, weights)).abs().amax(-1)[0] > 1e-6
        assert heard.tolist() == [i < reach for i in range(4)]


def test_the_linear_head_lets_every_point_hear_all():
    torch.manual_seed(4)
    head = LinearHead(points=4, inputs=6, width=32).eval()
    nodes = torch.randn(2, 4, 6)
    assert head(nodes).shape == (2, 4, 32)
    louder = nodes.clone()
    louder[:, 3] += 5
    assert ((head(louder) - head(nodes)).abs().amax(-1) > 1e-6).all()
